"""The offline verifier: checks what the register published with public files and a public key alone.

Standard library and `cryptography`, nothing of the services. To be read in this order: `tree` (RFC 6962),
`notes` (c2sp.org/signed-note), `checkpoints` (tlog-checkpoint, tlog-cosignature), `tiles` (tlog-tiles),
`inclusion` (tlog-proof), `logs` (a whole log), `monitoring` (a log from outside, remembered), `witnessing`
(tlog-witness) and the commands (`python -m services.proof`).
"""
