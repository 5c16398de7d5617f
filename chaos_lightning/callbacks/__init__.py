"""Callbacks: pictures, tables and files of a run, and alarms."""

from chaos_lightning.callbacks.alarms import TrainingAlarms
from chaos_lightning.callbacks.chaos import ChaosFile
from chaos_lightning.callbacks.checkpoints import TrainingCheckpoint
from chaos_lightning.callbacks.clock import TrainingClock
from chaos_lightning.callbacks.features import FeatureMeasures
from chaos_lightning.callbacks.measures import MeasuresFile
from chaos_lightning.callbacks.pictures import TrainingPictures
from chaos_lightning.callbacks.prediction import SampleWriter
from chaos_lightning.callbacks.progress import StepProgressBar
from chaos_lightning.callbacks.stopping import EvaluationSignals

__all__ = [
    "ChaosFile",
    "EvaluationSignals",
    "FeatureMeasures",
    "MeasuresFile",
    "SampleWriter",
    "StepProgressBar",
    "TrainingAlarms",
    "TrainingCheckpoint",
    "TrainingClock",
    "TrainingPictures",
]
