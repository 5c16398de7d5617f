"""Networks that turn images into features: a classifier of a data set, its cache, and networks of a user's own."""

from chaos_lightning.features.cache import classifier_path, load_classifier, save_classifier
from chaos_lightning.features.classifier import ImageClassifier
from chaos_lightning.features.named import CLASSIFIER, find_features

__all__ = [
    "CLASSIFIER",
    "ImageClassifier",
    "classifier_path",
    "find_features",
    "load_classifier",
    "save_classifier",
]
