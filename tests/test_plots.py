"""Reports as pictures: files of the right kind, of what the rows say, and clear refusals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_history import history, sample

from replywatch.flows.cli import main
from replywatch.sql.plots import PLOTS, plot_report
from replywatch.sql.render import RenderError
from replywatch.sql.reports import run_report

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", PLOTS)
def test_each_picture_is_drawn_as_png_and_svg(name: str, tmp_path: Path) -> None:
    """The suffix says which; an SVG fetches nothing, and the same rows give the same bytes."""
    con = sample()
    rows = run_report(con, name)
    plot_report(con, name, rows, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:8] == PNG
    for copy in ("a.svg", "b.svg"):
        plot_report(con, name, rows, tmp_path / copy)
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert text == (tmp_path / "b.svg").read_text("utf-8")
    assert [] == re.findall(r'(?:href|src)="(?!#)[^"]*"', text)


@pytest.mark.parametrize("name", PLOTS)
def test_a_period_without_data_is_drawn_all_the_same(name: str, tmp_path: Path) -> None:
    """Nothing happened: a picture that says so, and no error."""
    con = history()
    plot_report(con, name, run_report(con, name), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").read_bytes()[:8] == PNG


@pytest.mark.parametrize(
    ("name", "by", "file", "message"),
    [
        ("agents", None, "a.pdf", "name a file that ends in .png or .svg"),
        ("rejected", None, "a.png", "report rejected has no picture: use one of agents, teams"),
        ("agents", "state", "a.png", "report agents --by state has no picture"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    name: str, by: str | None, file: str, message: str, tmp_path: Path
) -> None:
    """Other suffixes, reports that are lists, and nothing is written."""
    con = sample()
    with pytest.raises(RenderError, match=re.escape(message)):
        plot_report(con, name, run_report(con, name, by=by), tmp_path / file, by=by)
    assert [] == list(tmp_path.iterdir())


def test_plot_takes_the_place_of_a_table(
    sample_history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--plot FILE` writes the picture and prints nothing; together with --format it is refused."""
    history, picture = ["--history", str(sample_history)], str(tmp_path / "v.png")
    assert main(["report", "volume", "--plot", picture, *history]) == 0
    assert ("", PNG) == (capsys.readouterr().out, Path(picture).read_bytes()[:8])
    assert main(["report", "volume", "--plot", picture, "--format", "csv", *history]) == 2
