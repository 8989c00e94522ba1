"""``python -m pipelines.link.mock``: serve the simulated relay."""

from pipelines.link.mock.server import main

if __name__ == "__main__":
    main()
