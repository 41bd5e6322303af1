"""Turns the measured rows into the JSON file and the section of the document."""

from __future__ import annotations

import machine
import report
from contender import VARIANTS, Contender
from turns import REST_SECONDS, Group, Settings

TITLES = {
    "ours": "swift-dinov2",
    "torch": "PyTorch eager",
    "compile": "torch.compile",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "transformers": "transformers",
}


def as_json(description: dict[str, object], settings: Settings, groups: list[Group]) -> object:
    """Returns every sample with what is needed to interpret it."""
    return {
        "machine": description,
        "threads": settings.threads,
        "rounds": settings.rounds,
        "warmup_rounds": settings.warmup,
        "settling_passes": settings.settle,
        "rest_seconds": REST_SECONDS,
        "rows": [
            {
                "row": group.row.name,
                "model": group.row.model,
                "batch": group.row.batch,
                "size": group.row.size,
                "precision": group.precision,
                "failures": group.failures,
                "hopeless_ms": group.hopeless_ms,
                "others_share": round(group.watch.others_share, 3),
                "contenders": [contender_json(c, group.row.batch) for c in group.contenders],
            }
            for group in groups
        ],
    }


def contender_json(contender: Contender, batch: int) -> dict[str, object]:
    result: dict[str, object] = {
        "peer": contender.spec.peer,
        "variant": contender.spec.variant,
        "peak_rss_mb": round(contender.peak_rss_mb, 1),
        "samples_ms": contender.samples_ms,
        **contender.details,
    }
    if contender.samples_ms:
        middle = report.median(contender.samples_ms)
        result |= {
            "median_ms": round(middle, 3),
            "p90_ms": round(report.p90(contender.samples_ms), 3),
            "images_per_s": round(batch * 1000 / middle, 2),
        }
    return result


def markdown(description: dict[str, object], settings: Settings, groups: list[Group]) -> str:
    """Returns the section of the document."""
    peers = settings.peers
    summary = report.table(
        ["Model, batch, size", "Precision", *(TITLES[peer] for peer in ("ours", *peers))],
        [
            [group.row.title, group.precision, *(cell(group, p) for p in ("ours", *peers))]
            for group in groups
        ],
    )
    details = report.table(
        ["Row", "Precision", "Setting", "Median ms", "p90 ms", "Images/s", "Peak MB"],
        [line for group in groups for line in detail_lines(group)],
    )
    return "\n\n".join(
        [
            f"Milliseconds for a whole forward pass (class and patch tokens out), median of "
            f"{settings.rounds} interleaved passes, {settings.threads} threads each. In brackets: "
            f"our time divided by theirs; below 1 we are faster. Of several reasonable settings of "
            f"a peer the fastest stands here.",
            summary,
            *notes(settings, groups),
            *filter(None, [machine.bf16_note(description, [g.precision for g in groups])]),
            machine.sentences(description),
            f"<details><summary>All settings</summary>\n\n{details}\n\n</details>",
        ]
    )


def cell(group: Group, peer: str) -> str:
    """Returns `78.6 (0.44)`: the peer's median, and ours as a fraction of it."""
    if peer != "ours" and not VARIANTS[peer][group.precision]:
        return "–"
    ours, theirs = group.best("ours"), group.best(peer)
    if theirs is None:
        return "failed"
    middle = report.median(theirs.samples_ms)
    mark = "" if theirs.details.get("precision", group.precision) == group.precision else "*"
    if peer == "ours" or ours is None:
        return f"{report.figure(middle)}{mark}"
    return f"{report.figure(middle)}{mark} ({report.median(ours.samples_ms) / middle:.2f})"


def notes(settings: Settings, groups: list[Group]) -> list[str]:
    """Returns what a reader must know about single cells."""
    found: list[str] = []
    if "onnxruntime" in settings.peers and any(group.precision == "bf16" for group in groups):
        found.append("–: ONNX Runtime has no bf16 kernels for the CPU.")
    others = {
        str(contender.details["precision"])
        for group in groups
        for contender in group.contenders
        if contender.details.get("precision", group.precision) != group.precision
    }
    if others:
        found.append(
            f"*: the library computes in {', '.join(sorted(others))} on this processor, "
            "whatever it is asked for."
        )
    disturbed = [f"{g.row.title} {g.precision}" for g in groups if g.watch.is_disturbed]
    if disturbed:
        found.append(
            f"Other programs used the cores, so do not trust these rows: {'; '.join(disturbed)}."
        )
    # The reasons are in the JSON file; they may name folders of the machine.
    failed = [f"{g.row.title} {g.precision} {name}" for g in groups for name in g.failures]
    if failed:
        found.append(f"Failed: {', '.join(failed)}.")
    return found


def detail_lines(group: Group) -> list[list[str]]:
    """Returns one line for each setting that ran."""
    lines = []
    for contender in group.contenders:
        if not contender.samples_ms:
            continue
        middle = report.median(contender.samples_ms)
        lines.append(
            [
                group.row.title,
                group.precision,
                " ".join(filter(None, (TITLES[contender.spec.peer], contender.spec.variant))),
                report.figure(middle),
                report.figure(report.p90(contender.samples_ms)),
                report.figure(group.row.batch * 1000 / middle),
                f"{contender.peak_rss_mb:.0f}",
            ]
        )
    return lines
