"""Reference values for resampling and DeLong's method, by numpy, scipy, statsmodels and scikit-learn.

    pip install numpy scipy statsmodels scikit-learn
    python test/golden/resampling.py > test/golden/resampling.json

The data are drawn by the generator that the library uses, from additions and comparisons alone, so both sides have the
same numbers to the bit. Everything else here is by other people's code or by the definitions written out.
"""

import hashlib
import json
import struct
import sys

import numpy as np
import scipy.stats
import sklearn
import statsmodels
import statsmodels.api as sm
from sklearn.metrics import brier_score_loss, roc_auc_score

MASK = 0xFFFFFFFF
ROWS = 200
SAMPLES = 200


def uniform(seed):
    """sfc32, seeded by the first twelve bytes of SHA-256."""
    a, b, c = struct.unpack("<3I", hashlib.sha256(seed.encode()).digest()[:12])
    counter = 1
    while True:
        t = (a + b + counter) & MASK
        counter = (counter + 1) & MASK
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & MASK
        c = ((c << 21) | (c >> 11)) & MASK
        c = (c + t) & MASK
        yield t / 4294967296


def draw(seed):
    """Four columns on [0, 1) and outcomes that hang on two of them."""
    u = uniform(seed)
    x = np.empty((ROWS, 4))
    y = np.empty(ROWS, dtype=int)
    for i in range(ROWS):
        x[i] = [next(u) for _ in range(4)]
        y[i] = 1 if x[i, 0] + 0.5 * x[i, 1] + 1.5 * next(u) > 1.75 else 0
    return x, y


def fit(x, y):
    return sm.GLM(y, sm.add_constant(x, has_constant="add"), family=sm.families.Binomial()).fit(tol=1e-14, maxiter=100)


def slope(p, y):
    """Coefficient of the outcome's regression on the log-odds."""
    return fit(np.log(p / (1 - p))[:, None], y).params[1]


def measures(p, y):
    return np.array([roc_auc_score(y, p), brier_score_loss(y, p), slope(p, y)])


def optimism(x, y, seed):
    """Harrell's optimism correction, sample by sample."""
    model = fit(x, y)
    apparent = measures(model.fittedvalues, y)
    u = uniform(seed)
    total = np.zeros(3)
    for _ in range(SAMPLES):
        rows = np.array([int(next(u) * ROWS) for _ in range(ROWS)])
        learned = fit(x[rows], y[rows])
        on_all = learned.predict(sm.add_constant(x, has_constant="add"))
        total += measures(learned.fittedvalues, y[rows]) - measures(on_all, y)
    mean = total / SAMPLES
    return {
        name: {"apparent": a, "optimism": o, "corrected": a - o}
        for name, a, o in zip(["auroc", "brier", "calibrationSlope"], apparent, mean)
    }


def delong(scores, y):
    """Areas and their covariance from all pairs of an event and another, as the paper defines them."""
    events, others = scores[:, y == 1], scores[:, y == 0]
    pairs = (events[:, :, None] > others[:, None, :]) + 0.5 * (events[:, :, None] == others[:, None, :])
    areas = pairs.mean(axis=(1, 2))
    covariance = np.cov(pairs.mean(axis=2)) / events.shape[1] + np.cov(pairs.mean(axis=1)) / others.shape[1]
    difference = areas[0] - areas[1]
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    return {
        "areas": areas.tolist(),
        "variances": np.diag(covariance).tolist(),
        "difference": difference,
        "standardError": error,
        "p": 2 * scipy.stats.norm.sf(abs(difference / error)),
    }


def main():
    x, y = draw("reference")
    first = fit(x, y).fittedvalues
    second = fit(x[:, 1:3], y).fittedvalues
    tied = np.floor(first * 10)
    json.dump(
        {
            "by": f"numpy {np.__version__}, statsmodels {statsmodels.__version__}, scikit-learn {sklearn.__version__}",
            "rows": ROWS,
            "events": int(y.sum()),
            "samples": SAMPLES,
            "optimism": optimism(x, y, "resamples"),
            "delong": delong(np.stack([first, second]), y),
            "delongTied": delong(np.stack([tied, np.floor(second * 5)]), y),
        },
        sys.stdout,
        indent=2,
    )
    print()


main()
