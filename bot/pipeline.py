"""The only Python of ours inside Rasa's process (Python 3.10, Rasa's own environment).

The app has guessed the language and put it into the message's metadata; `LanguageDetector` takes it over into an entity.
The two featurizers hand unit vectors to Rasa's logistic regression: meaning where the encoder knows the language,
letters elsewhere.
"""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Tuple

import numpy as np
import scipy.sparse
from jsonschema import Draft7Validator
from rasa.core.actions.action import RemoteAction
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.protocol import Turn, from_wire
from retrieval.encoder import load_encoder

# The languages langdetect may answer with when no turn came along (`rasa shell`).
FALLBACK_LANGUAGES = ("de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it")
logger = logging.getLogger(__name__)


class _ValidatorBuiltOnce:
    """Rasa 3.6 checks its own JSON schema at every action call, which takes 20 ms; the schema never changes.

    No longer needed once `RemoteAction._validate_action_result` keeps its validator.
    """

    _validator = Draft7Validator(RemoteAction.action_response_format_spec())

    def __call__(self, action: RemoteAction, result: Dict[str, Any]) -> bool:
        self._validator.validate(result)
        return True


_validate = _ValidatorBuiltOnce()
RemoteAction._validate_action_result = lambda self, result: _validate(self, result)  # type: ignore[method-assign]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class LanguageDetector(GraphComponent):
    """Puts the language of the turn into the entity `language`."""

    def __init__(self) -> None:
        self._factory: Any = None

    @classmethod
    def create(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> LanguageDetector:
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            metadata = message.get("metadata") or {}
            if "turn" in metadata:
                turn = from_wire(Turn, metadata["turn"])
                language, confidence = turn.language, turn.confidence
            else:
                language, confidence = self._detect(message.get(TEXT) or "")
            entity = {
                "entity": "language",
                "value": language,
                "start": 0,
                "end": 0,
                "confidence_entity": confidence,
                "extractor": "LanguageDetector",
            }
            message.set(ENTITIES, [*message.get(ENTITIES, []), entity], add_to_output=True)
        return messages

    def _detect(self, text: str) -> Tuple[str, float]:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
        from langdetect.lang_detect_exception import LangDetectException

        if self._factory is None:
            self._factory = DetectorFactory()
            self._factory.load_profile(PROFILES_DIRECTORY)
            self._factory.set_seed(0)
        detector = self._factory.create()
        detector.set_prior_map({language: 1.0 / len(FALLBACK_LANGUAGES) for language in FALLBACK_LANGUAGES})
        detector.append(text)
        try:
            best = detector.get_probabilities()[0]
        except (LangDetectException, IndexError):
            return "de", 0.0
        return best.lang, best.prob


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoderFeaturizer(DenseFeaturizer, GraphComponent):
    """The sentence encoder's unit vector of a message."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "encoder": "builtin"}

    def __init__(self, config: Dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        self._encoder = load_encoder(config["encoder"])

    @classmethod
    def create(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> SentenceEncoderFeaturizer:
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        load_encoder(config["encoder"])

    def process(self, messages: List[Message]) -> List[Message]:
        vectors = self._encoder.encode([message.get(TEXT) or "" for message in messages])
        for message, vector in zip(messages, vectors, strict=True):
            self.add_features_to_message(np.zeros((1, len(vector)), np.float32), vector[np.newaxis, :], TEXT, message)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        examples = [example for example in training_data.training_examples if example.get(TEXT)]
        self.process(examples)
        return training_data


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class CharacterFeaturizer(SparseFeaturizer, GraphComponent):
    """TF-IDF over character n-grams inside words, unit length: raw counts would drown the encoder's unit vectors."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {**SparseFeaturizer.get_default_config(), "min_ngram": 1, "max_ngram": 4, "min_count": 2}

    def __init__(self, config: Dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource) -> None:
        super().__init__(name, config)
        self._storage = model_storage
        self._resource = resource
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(config["min_ngram"], config["max_ngram"]),
            min_df=config["min_count"],
            sublinear_tf=True,
            dtype=np.float32,
        )

    @classmethod
    def create(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> CharacterFeaturizer:
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def validate_config(cls, config: Dict[str, Any]) -> None:
        pass

    def train(self, training_data: TrainingData) -> Resource:
        texts = [example.get(TEXT) for example in training_data.training_examples if example.get(TEXT) and example.get(INTENT)]
        self._vectorizer.fit(texts)
        with self._storage.write_to(self._resource) as folder:
            vocabulary = sorted(self._vectorizer.vocabulary_, key=self._vectorizer.vocabulary_.__getitem__)
            np.savez_compressed(folder / "ngrams.npz", ngrams=np.array(vocabulary), idf=self._vectorizer.idf_.astype(np.float32))
        return self._resource

    @classmethod
    def load(
        cls,
        config: Dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> CharacterFeaturizer:
        component = cls.create(config, model_storage, resource, execution_context)
        with model_storage.read_from(resource) as folder, np.load(folder / "ngrams.npz") as stored:
            component._vectorizer.vocabulary_ = {str(ngram): row for row, ngram in enumerate(stored["ngrams"])}
            component._vectorizer.idf_ = stored["idf"]
        return component

    def process(self, messages: List[Message]) -> List[Message]:
        matrix = self._vectorizer.transform([message.get(TEXT) or "" for message in messages])
        for row, message in enumerate(messages):
            sentence = scipy.sparse.coo_matrix(matrix[row])
            self.add_features_to_message(scipy.sparse.coo_matrix(sentence.shape), sentence, TEXT, message)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        examples = [example for example in training_data.training_examples if example.get(TEXT)]
        self.process(examples)
        return training_data
