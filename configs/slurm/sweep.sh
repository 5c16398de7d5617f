#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --gpus-per-node=4 --cpus-per-task=32 --time=04:00:00
srun chaos-lightning sweep --config configs/sweep/chaos.yaml --data.data_dir ~/data
