"""Measured figures beside the asked ones, as Markdown."""
import operator
import statistics

BOUNDS = {">=": operator.ge, "<": operator.lt, "=": operator.eq}


class Figure:
    """One quantity: a value for each run and, if something is asked of it, a bound of BOUNDS with its limit."""

    def __init__(self, name, unit, decimals, values, asked=None):
        self.name, self.unit, self.decimals, self.values, self.asked = name, unit, decimals, values, asked
        self.median = statistics.median(values)

    def number(self, value):
        return f"{value:.{self.decimals}f}"

    def text(self, value):
        return f"{self.number(value)} {self.unit}".rstrip()

    def range(self):
        return f"{self.number(min(self.values))} to {self.text(max(self.values))}"

    def row(self):
        cells = [self.name, self.text(self.median), self.range(), "", ""]
        if self.asked:
            bound, limit = self.asked
            # The median speaks for a measurement; an exit code must be right every time.
            judged = self.values if bound == "=" else [self.median]
            reached = all(BOUNDS[bound](value, limit) for value in judged)
            cells[3:] = [f"{bound} {limit} {self.unit}".rstrip(), "yes" if reached else "no"]
        return row(cells)

    def cell(self):
        """Median and range in one cell, for a table that has a row for each benchmark."""
        return self.text(self.median) if len(self.values) == 1 else f"{self.text(self.median)} ({self.range()})"


def table(figures):
    """Median, range, asked, reached: a row for each figure."""
    head = row(["figure", "median", "range", "asked", "reached"]) + "\n" + "|---|---:|---:|---:|---|"
    return "\n".join([head] + [figure.row() for figure in figures])


def row(cells):
    return f"| {' | '.join(str(cell) for cell in cells)} |"
