"""Training, in a process of its own: rows of terms and marks come in, weights and figures go out.

It has neither the database nor a secret, and its memory ends with it. scikit-learn is needed here
and nowhere else.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

MOST_TERMS: Final = 4_000
FOLDS: Final = 5
UNAVAILABLE: Final = 3  # how it ends where the library is not installed


def train(rows: Sequence[dict[str, Any]], speaks: float) -> dict[str, Any]:
    """Return weights, and what such a model says of cases that it was not trained on.

    Units: each row has `terms`, `marks` and its `verdict`. `said` has a verdict and a probability
        for each row, by a model that never saw that row (five folds, each verdict's share alike).
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    verdicts = [row["verdict"] for row in rows]
    folds = StratifiedKFold(n_splits=FOLDS, shuffle=True, random_state=0)
    chances = cross_val_predict(_pipeline(), rows, verdicts, cv=folds, method="predict_proba")
    known = sorted(set(verdicts))
    said = [(known[int(row.argmax())], float(row.max())) for row in chances]
    return {
        "weights": _weights(rows, verdicts),
        "report": _report(verdicts, said, speaks),
        "said": [[verdict, round(chance, 4)] for verdict, chance in said],
    }


def _pipeline() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    # Rows are taken whole; each vectorizer picks its part. No words are cut here: ours are.
    terms = TfidfVectorizer(
        analyzer=_terms, sublinear_tf=True, min_df=2, max_features=MOST_TERMS, lowercase=False
    )
    marks = CountVectorizer(analyzer=_marks, binary=True, lowercase=False)
    both = ColumnTransformer([("terms", terms, 0), ("marks", marks, 0)], sparse_threshold=1.0)
    return Pipeline(
        [
            ("column", FunctionTransformer(_column)),
            ("features", both),
            ("model", LogisticRegression(C=4.0, max_iter=2000)),
        ]
    )


def _terms(row: dict[str, Any]) -> list[str]:
    terms: list[str] = row["terms"]
    return terms


def _marks(row: dict[str, Any]) -> list[str]:
    marks: list[str] = row["marks"]
    return marks


def _column(rows: Sequence[dict[str, Any]]) -> Any:
    import numpy as np

    column = np.empty((len(rows), 1), dtype=object)
    for at, row in enumerate(rows):
        column[at, 0] = row
    return column


def _weights(rows: Sequence[dict[str, Any]], verdicts: Sequence[str]) -> dict[str, Any]:
    fitted = _pipeline().fit(rows, verdicts)
    features, model = fitted["features"], fitted["model"]
    terms = features.named_transformers_["terms"]
    marks = features.named_transformers_["marks"]
    table, bias = model.coef_, model.intercept_
    if len(table) == 1:  # of two verdicts one row tells both
        table, bias = [table[0] * 0, table[0]], [0.0, bias[0]]
    size = len(terms.vocabulary_)

    def row(at: int) -> list[float]:
        return [round(float(each[at]), 4) for each in table]

    return {
        "format": 1,
        "verdicts": [str(each) for each in model.classes_],
        "bias": [round(float(each), 4) for each in bias],
        "terms": {
            term: [round(float(terms.idf_[at]), 4), row(int(at))]
            for term, at in sorted(terms.vocabulary_.items())
        },
        "marks": {m: row(size + int(at)) for m, at in sorted(marks.vocabulary_.items())},
    }


def _report(
    verdicts: Sequence[str], said: Sequence[tuple[str, float]], speaks: float
) -> dict[str, Any]:
    """Count, of what it would have said, how much was right; and of what was, how much it said."""
    loud = [(true, word) for true, (word, chance) in zip(verdicts, said, strict=True)
            if chance >= speaks]  # fmt: skip
    right = Counter(true for true, word in loud if true == word)
    spoken = Counter(word for _true, word in loud)
    given = Counter(verdicts)
    return {
        "cases": len(verdicts),
        "spoken": len(loud),
        "right": sum(right.values()),
        "by_verdict": {
            key: {"given": given[key], "said": spoken[key], "right": right[key]}
            for key in sorted(given)
        },
    }


def main() -> int:
    """Read one request, answer it, end."""
    try:
        import sklearn  # noqa: F401 - whether it is there
    except ImportError:
        return UNAVAILABLE
    asked = json.load(sys.stdin)
    json.dump(train(asked["rows"], asked["speaks"]), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
