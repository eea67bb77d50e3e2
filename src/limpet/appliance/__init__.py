"""The program that makes a machine an appliance: the supervisor (`limpet appliance run`), and the operator's commands about it.

The supervisor starts boot, hands the NICs over to a network OS, keeps that and the guest shell alive, and takes everything back
when it fails. `supervisor` is its loop over the table in `states`; `phases` has what is done in each state, `networkos` and `guest`
the drivers for network operating systems and containers, `requests` what serves the guest's commands, `workers` its short-lived
processes, `commands` what operators type. It never talks to the fabric itself. docs/appliance.md
"""
