#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=2 --gpus-per-node=2 --cpus-per-task=8
#SBATCH --time=04:00:00 --signal=TERM@120 --requeue --open-mode=append
srun chaos-lightning fit --config configs/paper/mnist_two_layer.yaml --trainer.accelerator gpu --trainer.devices 2 \
    --trainer.num_nodes 2 --trainer.logger.name paper_mnist_two_layer_$SLURM_JOB_ID --ckpt_path last
status=$?
if [ $status -eq 143 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $status
