"""Fits by scikit-learn what the bench has drawn. Reads lines `rows columns file`, answers each with one line of JSON."""

import json
import sys
import time

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

print(json.dumps({"version": sklearn.__version__}), flush=True)
held = {}
for line in sys.stdin:
    rows, columns, file = line.split(maxsplit=2)
    rows, columns, file = int(rows), int(columns), file.strip()
    if file not in held:
        values = np.fromfile(file)
        # As scikit-learn itself wants them: a row after another.
        held = {file: (np.ascontiguousarray(values[: rows * columns].reshape(columns, rows).T), values[rows * columns :])}
    x, y = held[file]
    start = time.perf_counter()
    model = LogisticRegression(C=1, solver="newton-cholesky", tol=1e-8, max_iter=100).fit(x, y)
    ms = (time.perf_counter() - start) * 1000
    residual = y - model.predict_proba(x)[:, 1]
    gradient = x.T @ residual - model.coef_[0]
    worst = max(abs(residual.sum()), abs(gradient).max())
    print(
        json.dumps({"ms": ms, "gradient": worst, "estimates": [*model.intercept_, *model.coef_[0]]}),
        flush=True,
    )
