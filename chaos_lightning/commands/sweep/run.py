"""One run of a sweep: train a network as ``fit`` does, and measure its chaos and diversity."""

from typing import Any

from chaos_lightning.commands.fit_run import features_of, fit, without_training
from chaos_lightning.commands.sweep.quantities import CANCELLED, DIVERSITY, LYAPUNOV, ROUGHNESS, SECONDS
from chaos_lightning.dynamics import long_run_exponents
from chaos_lightning.experiments.log import LOG_NAME, quiet
from chaos_lightning.experiments.plan import Plan, Run, run_folder
from chaos_lightning.functional import manifold_precision, manifold_recall, roughness
from chaos_lightning.models import ChaoticGenerator, ImageGenerator

LYAPUNOV_CHAINS = 20
MOST_MANIFOLD_IMAGES = 2_000
"""The manifold measures compare all pairs of images."""


def check_runs(plan: Plan, runs: list[Run]) -> None:
    """Make the networks of runs and read the data, so that bad settings show before work starts.

    Raises:
        DataError: if the data cannot be read.
        FileNotFoundError: if a network of features is asked for that is not there.
        ValueError: if settings make no network, or ask for several processes.
    """
    for run in runs:
        cli = without_training(plan.fit_arguments(run))
    cli.datamodule.prepare_data()
    cli.datamodule.setup("fit")
    features_of(cli)


def do_run(plan: Plan, run: Run) -> tuple[float, dict[str, Any]]:
    """Train one network as ``chaos-lightning fit`` does, and measure its chaos and diversity.

    The prints of ``fit`` go into output.log in the run's folder. A run that was broken off goes on from its last
    checkpoint.

    Returns:
        E(2) at T, and the attributes that :func:`run_quantities` needs beside the run's measures.csv.
    """
    folder = run_folder(plan, run)
    folder.mkdir(parents=True, exist_ok=True)
    with quiet(folder / LOG_NAME):
        cli, seconds = fit(plan.fit_arguments(run))
    model: ImageGenerator = cli.model.to(cli.trainer.strategy.root_device)  # Lightning has moved it to the CPU
    evaluation = model.evaluation
    assert evaluation is not None, "measured at the end of fit"
    attributes = {SECONDS: seconds, "sampling_time": model.sampling_time}
    if isinstance(model, ChaoticGenerator):
        attributes[CANCELLED] = float(model.network.cancelled_share())
        if model.noise == 0:  # exponents are of networks that run on their own
            for name, network in zip(LYAPUNOV, (model.network.untrained(), model.network), strict=True):
                exponents = long_run_exponents(network, LYAPUNOV_CHAINS, seed=(run.seed,), dt=model.dt, tau=model.tau)
                attributes[name] = float(exponents.mean)
    real = cli.datamodule.validation.images[: min(evaluation.num_samples, MOST_MANIFOLD_IMAGES)]
    generated = model.sample(len(real), seed=run.seed)
    for name, measure in zip(DIVERSITY[1:], (manifold_precision, manifold_recall), strict=True):
        attributes[name] = float(measure(real, generated.to(real)))
    if min(real.shape[-2:]) >= 3:
        attributes[ROUGHNESS] = float(roughness(real, generated.to(real)))
    return evaluation.measures[model.sampling_time]["second_moment_error"], attributes
