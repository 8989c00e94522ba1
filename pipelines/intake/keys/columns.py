"""Columns of text to columns of keys, one call for the whole column instead of one a row."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc


def map_text(values: pa.Array | pa.ChunkedArray, to_keys: Callable[[str], str]) -> pa.Array:
    r"""Map a column of mostly different values with one call of `to_keys`.

    Args:
        values: string column; nulls are allowed.
        to_keys: takes the values as lines of one text and gives their keys as lines in the same
            order. It must map each line by itself and neither add nor remove a line break ("\n").

    Returns:
        String array of the same length; null where the value is null or its key is empty.
    """
    lines = pc.fill_null(plain_strings(values), "")
    if not len(lines):
        return lines
    text = _join(lines)
    if text.count("\n") != len(lines) - 1:
        text = _join(pc.replace_substring(lines, "\n", " "))
    keys = pc.split_pattern(pa.array([to_keys(text)], pa.large_string()), "\n").values
    if len(keys) != len(lines):
        raise AssertionError("a key function changed the number of lines")
    keys = keys.cast(pa.string())
    return pc.if_else(pc.equal(keys, ""), pa.scalar(None, pa.string()), keys)


def map_distinct(values: pa.Array | pa.ChunkedArray, to_keys: Callable[[str], str]) -> pa.Array:
    """Like `map_text`, for a column whose values repeat: each distinct value is mapped once."""
    encoded = plain_strings(values).dictionary_encode()
    return map_text(encoded.dictionary, to_keys).take(encoded.indices)


def plain_strings(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of pa.string() from any string column, chunked, large or dictionary-encoded."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.cast(pa.string())


def _join(lines: pa.Array) -> str:
    whole = pa.ListArray.from_arrays([0, len(lines)], lines.cast(pa.large_string()))
    text: str = pc.binary_join(whole, pa.scalar("\n", pa.large_string()))[0].as_py()
    return text
