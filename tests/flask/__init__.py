"""The API over HTTP: status, body and headers, on the memory store and a clock that stands."""
