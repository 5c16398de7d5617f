"""A restricted Boltzmann machine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

from chaos_lightning.baselines.base import TRAINING, Baseline
from chaos_lightning.dynamics import draw_by_chain

if TYPE_CHECKING:
    from chaos_lightning.data import Minibatch

OFFSET_RATE = 0.01
"""Share of a minibatch in the moving averages that are the offsets, as in Melchior, Fischer and Wiskott."""


class RestrictedBoltzmannMachine(Baseline):
    """Binary units with energy ``E(v, h) = -b v - c h - v W h``, trained by persistent contrastive divergence.

    Persistent chains: T. Tieleman, ICML 2008. Centred gradient: J. Melchior, A. Fischer, L. Wiskott, JMLR 17 (2016),
    in the form that leaves the biases as they are: with ``<.>_d`` over the data, ``<.>_m`` over the chains and the
    offsets ``m, l``, which follow the data's means of v and h,

    ``dW = <(v - m)(h - l)>_d - <(v - m)(h - l)>_m``, ``db = <v>_d - <v>_m - dW l``, ``dc = <h>_d - <h>_m - dW^T m``.

    Pixels give the probabilities ``(x + 1) / 2`` that visible units are 1; hidden units of the data are replaced by
    their means (mean field). Visible biases start at the log-odds of the data's means (G. Hinton, A Practical Guide to
    Training Restricted Boltzmann Machines, 2010). Samples are the means of the visible units after Gibbs steps from the
    persistent chains: sample i starts from chain ``i % num_chains``.

    With several processes each runs all chains, so that their number changes nothing.

    Args:
        visible_units: number of pixels of a square grey image, or the shape of a sample, see :func:`shape_of`.
        hidden_units: number of units of the hidden layer.
        num_chains: number of persistent chains.
        gibbs_steps: number of Gibbs steps of every chain in a training step.
        sampling_steps: number of Gibbs steps from a persistent chain to a sample.
        seed: seed of the initial weights and of all chains.
        optimizer: makes the optimiser from the parameters.
        lr_scheduler: makes a learning rate schedule from the optimiser.

    Raises:
        ValueError: for a number below 1.
    """

    offsets_visible: Tensor
    offsets_hidden: Tensor
    chains: Tensor
    training_names = ("train/difference_of_means", "train/learning_rate")

    def __init__(
        self,
        visible_units: int | list[int] = 784,
        hidden_units: int = 500,
        num_chains: int = 100,
        gibbs_steps: int = 10,
        sampling_steps: int = 200,
        *,
        seed: int = 0,
        optimizer: OptimizerCallable = lambda parameters: torch.optim.SGD(parameters, lr=0.05),
        lr_scheduler: LRSchedulerCallable | None = None,
    ) -> None:
        super().__init__(visible_units, seed=seed, optimizer=optimizer, lr_scheduler=lr_scheduler)
        numbers = {"num_chains": num_chains, "gibbs_steps": gibbs_steps, "sampling_steps": sampling_steps}
        for name, number in {"hidden_units": hidden_units, **numbers}.items():
            if number < 1:
                raise ValueError(f"{name} must be at least 1, but is {number}")
        self.gibbs_steps = gibbs_steps
        self.sampling_steps = sampling_steps
        generator = torch.Generator().manual_seed(int(seed))  # torch refuses NumPy's integers
        self.weights = nn.Parameter(0.01 * torch.randn(self.num_pixels, hidden_units, generator=generator))
        self.visible_bias = nn.Parameter(torch.zeros(self.num_pixels))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden_units))
        self.register_buffer("offsets_visible", torch.full([self.num_pixels], 0.5))
        self.register_buffer("offsets_hidden", torch.full([hidden_units], 0.5))
        self.register_buffer("chains", torch.rand(num_chains, self.num_pixels, generator=generator).round())

    @property
    def layer_sizes(self) -> list[int]:
        """Numbers of visible and hidden units."""
        return list(self.weights.shape)

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Load as every generator does, with as many chains as the checkpoint holds."""
        super().on_load_checkpoint(checkpoint)
        state: dict[str, Tensor] = checkpoint["state_dict"]  # type: ignore[assignment]
        self.chains = self.weights.new_empty(state["chains"].shape)

    def on_fit_start(self) -> None:
        """Start biases, offsets and chains of the visible layer from the data's means."""
        data = getattr(self.trainer.datamodule, "train", None)  # type: ignore[attr-defined]
        if data is None or self._loaded_step > 0:
            return
        means = data.pixels.flatten(1).float().mean(0)
        means = ((means + 1) / 2 if data.pixels.is_floating_point() else means.div(255)).to(self.offsets_visible)
        self.offsets_visible.copy_(means)
        self.visible_bias.data.copy_(torch.logit(means, eps=1e-3))
        drawn = draw_by_chain(*self.chains.T.shape, seed=(self.seed, TRAINING), device=self.device, uniform=True)
        self.chains.copy_(drawn.to(means) < means)

    @torch.no_grad()
    def largest_input(self) -> float:
        """Compute the largest absolute input that binary units can give a unit."""
        sizes = self.weights.abs()
        visible = self.visible_bias.abs() + sizes.sum(1)
        hidden = self.hidden_bias.abs() + sizes.sum(0)
        return float(torch.cat([visible, hidden]).max())

    @torch.no_grad()
    def training_step(self, batch: "Minibatch", batch_idx: int) -> None:
        """Move the persistent chains on, and take one step along the centred gradient."""
        if self.may_wait_for_device(self.global_step):
            self.check_weights()
        data = ((batch.images.flatten(1) + 1) / 2).to(self.weights)
        self.chains, reconstruction = self.gibbs(
            self.chains, self.gibbs_steps, seed=(self.seed, TRAINING, self.global_step), first_chain=0
        )
        hidden = self.hidden_means(data)
        gradients = self.centred_gradient(data, hidden, self.chains, self.hidden_means(self.chains))
        self.offsets_hidden.lerp_(self.averaged(hidden.mean(0)), OFFSET_RATE)
        self.offsets_visible.lerp_(self.averaged(data.mean(0)), OFFSET_RATE)
        difference = (data.mean(0) - reconstruction.mean(0)).square().mean()
        self.learn((-gradient for gradient in gradients), {"difference_of_means": difference})

    def centred_gradient(
        self, data: Tensor, data_hidden: Tensor, chains: Tensor, chains_hidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Compute ascent directions of weights, visible biases and hidden biases; linear in averages over the data.

        Args:
            data: visible units of the data, ``(images, visible units)``.
            data_hidden: hidden units of the data, ``(images, hidden units)``.
            chains: visible units of the chains, ``(chains, visible units)``.
            chains_hidden: hidden units of the chains, ``(chains, hidden units)``.
        """
        m, l = self.offsets_visible, self.offsets_hidden  # noqa: E741 - the names of the equations above
        weights = (data - m).T @ (data_hidden - l) / len(data) - (chains - m).T @ (chains_hidden - l) / len(chains)
        visible = data.mean(0) - chains.mean(0) - weights @ l
        hidden = data_hidden.mean(0) - chains_hidden.mean(0) - weights.T @ m
        return weights, visible, hidden

    def hidden_means(self, visible: Tensor) -> Tensor:
        """Compute the probabilities that hidden units are 1, ``(chains, hidden units)``, given visible units."""
        return torch.sigmoid(torch.addmm(self.hidden_bias, visible, self.weights))

    def visible_means(self, hidden: Tensor) -> Tensor:
        """Compute the probabilities that visible units are 1, ``(chains, visible units)``, given hidden units."""
        return torch.sigmoid(torch.addmm(self.visible_bias, hidden, self.weights.T))

    def gibbs(self, visible: Tensor, num_steps: int, *, seed: Sequence[int], first_chain: int) -> tuple[Tensor, Tensor]:
        """Take Gibbs steps: all hidden units given the visible ones, then all visible ones given the hidden ones.

        Args:
            visible: binary, ``(chains, visible units)``; left as it is.
            num_steps: number of steps, 1 or more.
            seed: seed of the chains, for example for training.
            first_chain: index of the first chain.

        Returns:
            Visible units after the last step, and their means given the hidden units.
        """
        sizes = self.layer_sizes
        means = visible
        for step in range(1, num_steps + 1):  # not from 0: a seed with a 0 appended is the same seed
            drawn = draw_by_chain(
                sum(sizes),
                len(visible),
                seed=(*seed, step),
                first_chain=first_chain,
                device=visible.device,
                uniform=True,
            ).to(visible)
            for_visible, for_hidden = drawn.split(sizes, dim=1)
            means = self.visible_means((for_hidden < self.hidden_means(visible)).to(visible))
            visible = (for_visible < means).to(visible)
        return visible, means

    def generate(self, num_samples: int, *, seed: Sequence[int], first_sample: int) -> Tensor:
        """Compute visible means after Gibbs steps from the persistent chains."""
        starts = torch.arange(first_sample, first_sample + num_samples, device=self.device) % len(self.chains)
        _, means = self.gibbs(self.chains[starts], self.sampling_steps, seed=seed, first_chain=first_sample)
        return 2 * means - 1
