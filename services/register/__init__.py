"""The industry authority: includes, excludes, keeps the register of software producers."""
