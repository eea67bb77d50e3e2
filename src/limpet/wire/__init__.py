"""The platform's documents and requests: bytes to values of `limpet.model` and back, one module for each document. Pure.

A reader is a function from bytes to a frozen value, or it raises MalformedDocument; for most documents the writer stands beside
it, because the emulator and the tests need the other side. A request is a value, too (`http.Request`): who sends it is not
decided here. What all readers have in common is on one page, docs/documents.md.
"""
