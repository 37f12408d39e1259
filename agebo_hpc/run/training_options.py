"""Options that change the training recipe of a problem, each as one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agebo_hpc.run.option import OnResume, OptionGroup, option
from agebo_hpc.space.recipe import OBJECTIVES, RECIPE_CHOICES, Recipe


def _of_recipe(text: str, recipe: str, on_resume: OnResume = OnResume.FORCE, **more: Any) -> Any:
    """Return an option that takes the place of a field of the problem's training recipe."""
    usual = getattr(Recipe, recipe)
    shown = f"{usual:g}" if isinstance(usual, float) else usual
    more = {
        "unset": f"the preset's, {shown} in v1",
        "choices": RECIPE_CHOICES.get(recipe, ()),
        **more,
    }
    return option(None, text, OptionGroup.TRAINING, on_resume, recipe=recipe, **more)


@dataclass(frozen=True)
class TrainingOptions:
    """How configurations are trained. None: as the problem's recipe says."""

    epochs: int | None = _of_recipe(
        "Passes over the training rows.", "epochs", least=1, unit="epochs", usual=True
    )
    warmup_epochs: int | None = _of_recipe(
        "Learning rate warm-up; a cosine schedule warms up in a twentieth of its steps instead.",
        "warmup_epochs",
        least=0,
        unit="epochs",
        unset=f"the preset's, {Recipe.warmup_epochs} in v1; fewer in short trainings",
    )
    early_stopping: int | None = _of_recipe(
        "Epochs without a better validation metric after which a training ends; 0: never.",
        "early_stopping_patience",
        least=0,
        unit="epochs",
    )
    objective: str | None = option(
        None,
        "Validation metric of the last epoch, or of the best one.",
        OptionGroup.TRAINING,
        OnResume.FORCE,
        choices=OBJECTIVES,
        unset=f"the preset's, {OBJECTIVES[0]} in v1",
    )
    optimizer: str | None = _of_recipe(
        "lars and lamb give each layer a learning rate of its own: for large global batches.",
        "optimizer",
    )
    loss: str | None = _of_recipe(
        "What training makes small: mse, mae, huber, log_cosh, mape, msle, quantile:Q, poisson or "
        "gamma for numbers; auto: cross_entropy for classes, for numbers what matches the metric, "
        "else mse.",
        "loss",
        metavar="NAME",
    )
    target_transform: str | None = _of_recipe(
        "What a number becomes before networks learn it: log (of 1 + y where there are zeros) and "
        "quantile (to a normal distribution) for skewed ones; scores and predictions are in its "
        "own unit in any case.",
        "target_transform",
    )
    metric: str | None = _of_recipe(
        "scikit-learn's name of what the search makes large on the validation part, or of a loss "
        "that it makes small; auto: accuracy for classes, r2 for numbers.",
        "metric",
        OnResume.NEVER,
        usual=True,
        metavar="NAME",
    )
    class_weights: str | None = _of_recipe(
        "What a class's rows count in the training loss; balanced: every class as much as the "
        "others.",
        "class_weights",
        metavar="none|balanced|LABEL=W,...",
    )
    schedule: str | None = _of_recipe(
        "Schedule of the learning rate; plateau: a tenth after epochs without a better loss; "
        "cosine: to zero at the last step.",
        "schedule",
    )
    weight_decay: float | None = _of_recipe(
        "Taken off kernels in each step, times the rate, as in AdamW.", "weight_decay", least=0
    )
    label_smoothing: float | None = _of_recipe(
        "Share of a classification's training loss in which all classes count alike.",
        "label_smoothing",
        least=0,
        below=1,
    )
    dropout: float | None = _of_recipe(
        "Share that the dropouts of a network drop, where its space has any.",
        "dropout",
        least=0,
        below=1,
    )
    accumulate_steps: int | None = _of_recipe(
        "Batches of each process whose gradients make one update; the learning rate follows.",
        "accumulate_steps",
        least=1,
        unit="batches",
    )
    precision: str | None = _of_recipe(
        "Of the layers' products; parameters stay in float32.", "precision"
    )
    xla: str | None = _of_recipe("Whether XLA compiles the training step; auto: on GPUs.", "xla")
    input: str | None = _of_recipe(
        "Map the rows into memory, or stream them from the file; auto: stream what is larger than "
        "half of the node's memory.",
        "input",
    )
