"""The pages in a real Chromium. `tox -e browser`; screenshots land in `screenshots/`, which git ignores.

The browser is Debian's `chromium`, or what `SEATGUARD_TEST_CHROMIUM` names. Without one
the tests are skipped, and on CI they fail.
"""
