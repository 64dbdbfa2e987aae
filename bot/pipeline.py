"""The only Python of ours inside Rasa's process (Python 3.10, Rasa's own environment).

The app has guessed the language and put it into the message's metadata; `LanguageDetector` takes it over into an entity.
The two featurizers hand unit vectors to Rasa's logistic regression: meaning where the encoder knows the language,
letters elsewhere.
"""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Iterable, List, Optional, Tuple, Type

import numpy as np
import scipy.sparse
import sqlalchemy
from jsonschema import Draft7Validator
from rasa.core.actions.action import RemoteAction
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from rasa.shared.utils.common import all_subclasses
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.protocol import Turn, from_wire
from retrieval.encoder import load_encoder, unpack

# The languages langdetect may answer with when no turn came along (`rasa shell`).
FALLBACK_LANGUAGES = ("de", "en", "tr", "ar", "uk", "ru", "fr", "es", "pl", "ro", "fa", "it")


class _ValidatorBuiltOnce:
    """Rasa 3.6 checks its own JSON schema at every action call, which takes 20 ms; the schema never changes.

    No longer needed once `RemoteAction._validate_action_result` keeps its validator.
    """

    _validator = Draft7Validator(RemoteAction.action_response_format_spec())

    def __call__(self, action: RemoteAction, result: Dict[str, Any]) -> bool:
        self._validator.validate(result)
        return True


def _event_class(type_name: str, default: Optional[Type[Event]] = None) -> Optional[Type[Event]]:
    """As `Event.resolve_by_type`, which walks over all event classes for every event it reads: a tenth of a turn.

    No longer needed once Rasa keeps the table.
    """
    if not _event_classes:
        _event_classes.update({cls.type_name: cls for cls in reversed(all_subclasses(Event))})
    if type_name in _event_classes:
        return _event_classes[type_name]
    if default is None:
        raise ValueError(f"Unknown event name '{type_name}'.")
    return default


_event_classes: Dict[str, Type[Event]] = {}
Event.resolve_by_type = staticmethod(_event_class)  # type: ignore[method-assign]
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
        for message in messages:
            self._add(message, self._vector(message))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        examples = [example for example in training_data.training_examples if example.get(TEXT)]
        for example, vector in zip(examples, self._encoder.encode([example.get(TEXT) for example in examples]), strict=True):
            self._add(example, vector)
        return training_data

    def _vector(self, message: Message) -> Any:
        """The vector that came with the turn: the app has computed it already, for search. Else our own."""
        turn = (message.get("metadata") or {}).get("turn")
        meaning = from_wire(Turn, turn).meaning if turn else None
        if meaning is not None and meaning.encoder == self._encoder.name:
            return unpack(meaning.vector)
        return self._encoder.encode([message.get(TEXT) or ""])[0]

    def _add(self, message: Message, vector: Any) -> None:
        self.add_features_to_message(np.zeros((1, len(vector)), np.float32), vector[np.newaxis, :], TEXT, message)


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


class ConversationStore(TrackerStore):
    """Rasa's memory of a conversation: slots, an open form and the last turns, one row each, without any text.

    Rasa's own stores keep every event, and read and post all of them at every turn: a long conversation becomes slow.
    `host` is what Rasa calls the `url` of endpoints.yml: any SQLAlchemy address.
    """

    turns_kept = 3

    def __init__(self, domain: Domain, event_broker: Optional[EventBroker] = None, host: str = "", **kwargs: Any) -> None:
        # SQLAlchemy 1.4 opens a SQLite file anew for each use unless a pool is named.
        self._engine = sqlalchemy.create_engine(host, poolclass=sqlalchemy.pool.QueuePool)
        if host.startswith("sqlite"):
            sqlalchemy.event.listen(self._engine, "connect", _without_waiting)
        self._table = sqlalchemy.Table(
            "dialogues",
            sqlalchemy.MetaData(),
            sqlalchemy.Column("sender_id", sqlalchemy.String(64), primary_key=True),
            sqlalchemy.Column("updated_at", sqlalchemy.Float, nullable=False, index=True),
            sqlalchemy.Column("events", sqlalchemy.Text, nullable=False),
        )
        self._table.create(self._engine, checkfirst=True)
        super().__init__(domain, event_broker)

    async def keys(self) -> Iterable[str]:
        with self._engine.begin() as connection:
            return [row.sender_id for row in connection.execute(sqlalchemy.select(self._table.c.sender_id))]

    async def retrieve(self, sender_id: str) -> Optional[DialogueStateTracker]:
        with self._engine.begin() as connection:
            events = connection.execute(
                sqlalchemy.select(self._table.c.events).where(self._table.c.sender_id == sender_id)
            ).scalar()
        return DialogueStateTracker.from_dict(sender_id, json.loads(events), self.domain.slots) if events else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        row = {"updated_at": time.time(), "events": json.dumps(_compact(tracker, self.turns_kept))}
        mine = self._table.c.sender_id == tracker.sender_id
        with self._engine.begin() as connection:
            if not connection.execute(self._table.update().where(mine).values(**row)).rowcount:
                connection.execute(self._table.insert().values(sender_id=tracker.sender_id, **row))


def _without_waiting(connection: Any, _record: Any) -> None:
    """Rasa saves several times a turn: no wait for the disk. A power cut may cost the last turn's memory, no message."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _compact(tracker: DialogueStateTracker, turns: int) -> List[Dict[str, Any]]:
    """The last turns' events, after what earlier ones left behind; nobody's words among them."""
    events = list(tracker.events)
    begins = [place for place, event in enumerate(events) if isinstance(event, UserUttered)]
    start = begins[-turns] if len(begins) > turns else 0
    slots: Dict[str, Event] = {}
    loop: Optional[Event] = None
    for event in events[:start]:
        if isinstance(event, SlotSet):
            slots[event.key] = event
        elif isinstance(event, ActiveLoop):
            loop = event
    left = [*slots.values(), *([loop] if loop else [])]
    return [_without_words(event.as_dict()) for event in (*left, *events[start:])]


def _without_words(event: Dict[str, Any]) -> Dict[str, Any]:
    if event["event"] == "user":
        parsed = event.get("parse_data") or {}
        kept = {"intent": parsed.get("intent") or {}, "entities": parsed.get("entities") or [], "text": ""}
        return {**event, "text": "", "parse_data": kept, "metadata": {}}
    if event["event"] == "bot":
        return {**event, "text": None, "data": {}, "metadata": {}}
    return event
