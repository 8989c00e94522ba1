"""The LGWAN link: sealing, the delivery protocol, the mock relay and the simulated parties."""
