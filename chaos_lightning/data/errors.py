"""The error of unreadable data."""


class DataError(RuntimeError):
    """The images cannot be read or fetched; the message names the file or folder and says what to do."""
