"""The documents are tests: what README.md and docs/ show is run as it stands there.

- A `python` block is run; all blocks of a document share one namespace.
- A `console` block is run line by line where a line begins with `$ `. Every command must succeed; what is
  written below a command must be what it prints, with `...` for any text.
- A block with a title (three backticks, then `toml title="plans.toml"`) becomes that file, for the commands
  below it.
- What cannot run in a test (an installation, a server that never ends) stands behind the comment
  `<!-- skip: next -->`.

Each document has an empty folder of its own as the current one.
"""
