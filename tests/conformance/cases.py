"""Tables of cases become test methods, one a row, so that each rule is a case with a name of its own."""


def table(rows):
    """Decorates check(self, *row) in a TestCase: for each (name, *row) there is a method test_<name>. The class must be
    decorated with @tabled."""

    def decorate(check):
        check.rows = rows
        return check

    return decorate


def tabled(cls):
    for _, check in list(vars(cls).items()):
        for name, *row in getattr(check, "rows", ()):
            method = f"test_{name}"
            assert method not in vars(cls), f"two cases are called {name}"

            def run(self, check=check, row=row):
                check(self, *row)

            run.__name__ = method
            setattr(cls, method, run)
    return cls
