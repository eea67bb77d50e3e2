"""The only code that touches the machine: ports, their Linux adapters, and a fake that behaves.

`ports` says what programs may ask of a machine, as small Protocols. The adapters (`files`, `commands`, `http`, …) do it on Linux;
`fake` and its parts do it in memory, with the same behaviour, which tests/contract holds both to. `facts` looks at a machine,
`apply` does what a plan says. `*_worker` modules run in processes of their own, so that what they load goes with them.
"""
