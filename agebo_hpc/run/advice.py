"""What a search that went wrong in a known way says to its user at the end."""

from __future__ import annotations

from agebo_hpc.space.recipe import Recipe


def advice_on_constants(constant: int, known: int, kind: str, recipe: Recipe) -> str:
    """Return what to change where most networks predict the same for every row; else nothing.

    Parameters
    ----------
    constant, known
        Networks that do, of so many of which it is known.
    kind
        What they predict one of, ``"class"`` or ``"number"``.
    recipe
        How they were trained.
    """
    if known < 2 or 2 * constant <= known:
        return ""
    return (
        f"{constant} of {known} networks predict one {kind} for every row: they have "
        f"learnt nothing from the inputs. Try {_cures(kind, recipe)}."
    )


def _cures(kind: str, recipe: Recipe) -> str:
    cures = [
        "a small learning rate (--fix learning_rate=0.001)",
        f"more epochs (--epochs {2 * recipe.epochs})",
    ]
    if kind == "number":
        cures.append("a target without values far from all others, such as its logarithm")
    if kind == "class" and recipe.class_weights == "none":
        cures.append("weights for rare classes (--class-weights balanced)")
    if kind == "class" and recipe.metric in ("auto", "accuracy"):
        cures.append("a metric that one class does not please (--metric roc_auc)")
    return ", ".join(cures[:-1]) + " or " + cures[-1]
