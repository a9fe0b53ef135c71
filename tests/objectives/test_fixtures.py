"""Every reference number of `fixtures.json`, in double and single precision.

The file holds numbers only; each was computed in numpy from the definitions, apart from this
package. Values agree to 1e-9 in double (gradients that were taken by central differences: 1e-6)
and to 1e-5 in single precision, relative where a value is larger than 1.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectrep.evaluation.metrics import (
    classification_metrics,
    per_class_table,
    regression_metrics,
)
from affectrep.objectives.adaptive_margin import (
    Margin,
    confidence_radius,
    linear_margin,
    neighbour_counts,
)
from affectrep.objectives.av_regression import av_regression_loss, ccc_loss, pcc_loss, rmse_loss
from affectrep.objectives.contrastive_critic import (
    CriticContrast,
    contrastive_adversarial_loss,
    contrastive_critic_loss,
    pair_moments,
)
from affectrep.objectives.domain_adversary import domain_cross_entropy_loss
from affectrep.objectives.domain_confusion import domain_confusion_loss, domain_entropy_loss
from affectrep.objectives.fisher_ipm import (
    FisherIPMLoss,
    fisher_critic_loss,
    fisher_ipm_linear,
    fisher_ipm_ratio,
    fisher_moments,
)
from affectrep.objectives.gradient_reversal import (
    ganin_lambda,
    ganin_learning_rate,
    reverse_gradient,
)
from affectrep.objectives.gram import gram_critic_loss, gram_ratio, mmd_loss
from affectrep.objectives.grouping import (
    Grouping,
    code_groups,
    delta_r,
    radius_threshold,
    strong_weak_groups,
)
from affectrep.objectives.groups import squared_distances
from affectrep.objectives.information import (
    bpsk_information,
    gaussian_information,
    kernel_mean_correlation,
    paired_correlation,
)
from affectrep.objectives.sphere import (
    north_distances,
    sphere_critic_loss,
    sphere_encoder_loss,
    sphere_points,
)
from affectrep.objectives.supcon import DomainWeight, SupConOptions, supcon_loss
from affectrep.objectives.thresholds import (
    kmeans_centres,
    kmeans_threshold,
    otsu_exact,
    otsu_histogram,
)

HERE = Path(__file__).parent
FIXTURES: dict[str, Any] = json.loads((HERE / "fixtures.json").read_text())
EVERY_NAME = [
    "supcon_hand",
    "supcon_general",
    "supcon_language_aware",
    "supcon_anchor_without_positive",
    "supcon_no_positive_at_all",
    "mi_gaussian",
    "delta",
    "alpha_hat",
    "eta_kernel_mean_embedding",
    "eta_paired_correlation",
    "mi_official_code_bpsk",
    "aknn_K",
    "caf_critic_loss",
    "caf_critic_loss_code_pairing",
    "caf_adversarial_loss",
    "caf_grouping",
    "caf_margin_baselines",
    "caf_L_AV",
    "otsu_exact",
    "otsu_histogram",
    "otsu_8bins_hand",
    "otsu_degenerate",
    "delta_r",
    "kmeans_threshold",
    "regression_metrics",
    "regression_metrics_hand",
    "regression_metrics_constant_pred",
    "regression_metrics_both_constant_equal",
    "rmse_batch_mean_bias",
    "classification_metrics",
    "grl",
    "speaker_ce_per_language_mask",
    "speaker_ce_unknown_label",
    "speaker_confusion",
    "ganin_lambda",
    "fisher_ipm",
    "fisher_ipm_linear_closed_form",
    "sphere_moments",
    "gram_ratio",
    "gram_ratio_2d",
    "dml_losses",
    "aml_pair_loss",
    "aml_bounded",
    "dro_kl_weights",
    "lcl_loss(varsha33 form)",
]
NONE = SupConOptions(reduction="none")


@dataclass(frozen=True)
class Case:
    """A fixture's inputs and expected outputs at one precision."""

    given: dict[str, Any]
    wanted: dict[str, Any]
    dtype: torch.dtype

    def tensor(self, *names: str) -> Any:
        found = [torch.tensor(self.given[name], dtype=self.dtype) for name in names]
        return found[0] if len(found) == 1 else found

    def near(self, found: Any, *path: str, value: Any = None, numeric: bool = False) -> None:
        for name in path:
            value = (self.wanted if value is None else value)[name]
        double = self.dtype == torch.float64
        tolerance = (1e-6 if numeric else 1e-9) if double else 1e-5
        found = torch.as_tensor(found, dtype=torch.float64).detach()
        wanted = torch.as_tensor(value, dtype=torch.float64)
        assert found.shape == wanted.shape
        error = (found - wanted).abs() / wanted.abs().clamp_min(1)
        assert bool((error <= tolerance).all()), (path, found, wanted)


def supcon_hand(case: Case) -> None:
    points, labels = case.tensor("z"), torch.tensor(case.given["y"])
    found = supcon_loss(points, labels, temperature=1.0, options=NONE)
    case.near(found, "per_anchor")
    case.near(found.mean(), "closed_form")
    case.near(supcon_loss(points, labels, temperature=1.0), "loss")


def supcon_general(case: Case) -> None:
    points, labels = case.tensor("z").requires_grad_(), torch.tensor(case.given["y"])
    for temperature in (0.07, 0.1, 0.5):
        found = supcon_loss(points, labels, temperature=temperature)
        case.near(found, f"tau={temperature}", "loss")
        found = supcon_loss(points, labels, temperature=temperature, options=NONE)
        case.near(found, f"tau={temperature}", "per_anchor")
    inside = SupConOptions(inside=True)
    found = supcon_loss(points, labels, temperature=0.5, options=inside)
    case.near(found, "L_in_tau=0.5")
    supcon_loss(points, labels, temperature=0.5).backward()
    case.near(points.grad, "grad_wrt_unnormalised_z_tau=0.5", numeric=True)


def supcon_language_aware(case: Case) -> None:
    points, labels = case.tensor("z"), torch.tensor(case.given["y"])
    languages = torch.tensor(case.given["lang"])
    for name, normaliser in (("sumw", "sum"), ("count", "count")):
        weight = DomainWeight(languages, weight=case.given["lam"], normaliser=normaliser)
        for options, part in ((None, "loss"), (NONE, "per_anchor")):
            found = supcon_loss(
                points, labels, temperature=0.5, options=options, domain_weight=weight
            )
            case.near(found, f"norm={name}", part)
    alike = DomainWeight(languages, weight=1.0)
    found = supcon_loss(points, labels, temperature=0.5, domain_weight=alike)
    case.near(found, "lam=1 must equal unweighted")


def supcon_anchor_without_positive(case: Case) -> None:
    points, labels = case.tensor("z"), torch.tensor(case.given["y"])
    found = supcon_loss(points, labels, temperature=0.5, options=NONE)
    case.near(found, "per_anchor")
    assert (found > 0).tolist() == case.wanted["has_positive"]
    case.near(supcon_loss(points, labels, temperature=0.5), "mean_over_valid(default)")
    zero = SupConOptions(no_positive="zero")
    found = supcon_loss(points, labels, temperature=0.5, options=zero)
    case.near(found, "mean_over_all(HobbitLong)")


def supcon_no_positive_at_all(case: Case) -> None:
    points, labels = case.tensor("z").requires_grad_(), torch.tensor(case.given["y"])
    loss = supcon_loss(points, labels, temperature=0.5)
    case.near(loss, "loss")
    loss.backward()
    assert not points.grad.any()


def mi_gaussian(case: Case) -> None:
    eta = case.tensor("eta").requires_grad_()
    found = gaussian_information(eta, largest=case.given["mi_max"])
    case.near(found, "mi")
    found.sum().backward()
    case.near(eta.grad[2], "dMI_deta(0.5)")
    cap = torch.tensor(case.wanted["eta2_at_cap"], dtype=torch.float64).sqrt()
    assert gaussian_information(cap * (1 - 1e-6)) < 2.5 - 1e-6
    assert gaussian_information(cap * (1 + 1e-6)) == pytest.approx(2.5, abs=1e-12)


def radius(case: Case, counts: torch.Tensor, form: str) -> torch.Tensor:
    margin = Margin(delta=form, risk=case.given["c"])
    return confidence_radius(counts, case.given["N"], margin=margin)


def delta(case: Case) -> None:
    for form, name in (("hoeffding",) * 2, ("paper",) * 2, ("A", "code_A=0.7")):
        case.near(radius(case, case.tensor("K"), form), name)


def alpha_hat(case: Case) -> None:
    information = gaussian_information(case.tensor("eta"))
    found = {
        form: information + radius(case, case.tensor("K"), form)
        for form in ("paper", "hoeffding", "A")
    }
    case.near(found["paper"], "paper_eq8_sum")
    case.near(found["paper"], "paper_eq8_logproduct")
    case.near(found["hoeffding"], "hoeffding")
    case.near(found["A"], "default(A=0.7)")
    (literal,) = (value for name, value in case.wanted.items() if "do not use" in name)
    assert abs(found["paper"].item() - literal) > 0.3


def eta_kernel_mean_embedding(case: Case) -> None:
    strong, weak = case.tensor("Zs", "Zw")
    for name, first, second in (("sw", strong, weak), ("ss", strong, strong), ("ww", weak, weak)):
        kernel = torch.exp(-squared_distances(first, second) / 2)
        case.near(kernel.mean(), f"K_{name}_mean")
    found = kernel_mean_correlation(strong, weak, variance=1.0)
    case.near(found, "eta")
    case.near(gaussian_information(found), "mi")
    case.near(kernel_mean_correlation(strong, strong, variance=1.0), "eta_same_set")


def eta_paired_correlation(case: Case) -> None:
    found = paired_correlation(*case.tensor("Zs", "Zw"))
    case.near(found, "eta")
    case.near(gaussian_information(found), "mi")


def mi_official_code_bpsk(case: Case) -> None:
    variance = case.given["var"]
    for place, (sent, received) in enumerate(case.tensor("xy")):
        pair = sent.reshape(1, 1), received.reshape(1, 1)
        found = bpsk_information(*pair, variance=variance)
        case.near(found[0], value=case.wanted["clamped_0_2.5"][place])
        free = bpsk_information(*pair, variance=variance, largest=1e6)
        case.near(free[0], value=max(0.0, case.wanted["value"][place]))


def aknn_neighbours(case: Case) -> None:
    strong = torch.tensor(case.given["group"]) == 1
    counts, admissible = neighbour_counts(case.tensor("X"), strong)
    assert counts.tolist() == case.wanted["K"]
    assert admissible.tolist() == case.wanted["admissible"]
    found = confidence_radius(counts.to(case.dtype), len(strong))
    case.near(found, "Delta_0.7/sqrt(K)")


def caf_critic_loss(case: Case) -> None:
    strong, weak = case.tensor("Zs", "Zw")
    margin = case.given["alpha"]
    half = CriticContrast(negative_weight=0.5)
    free = CriticContrast(negative_weight=0.5, hinge=False)
    for name, contrast in (
        ("hinged_all_pairs(w_neg=.5, literal)", half),
        ("no_hinge(eq7)", free),
        ("hinged_all_pairs(w_neg=1, default)", None),
    ):
        moments = pair_moments(strong, weak, margin, contrast=contrast)
        case.near(moments.positive, name, "pos")
        case.near(moments.negative, name, "neg")
        found = contrastive_critic_loss(strong, weak, margin, contrast=contrast)
        case.near(found, name, "loss")
    for name, contrast in (
        ("unbounded_demo: weak shifted by 100, no hinge", free),
        ("same, hinge", half),
    ):
        found = contrastive_critic_loss(strong, weak + 100, margin, contrast=contrast)
        case.near(found, name)


def caf_critic_loss_code_pairing(case: Case) -> None:
    code = CriticContrast(pairing="code")
    groups = (*case.tensor("Zs", "Zw"), case.given["margin_per_anchor"])
    found = contrastive_critic_loss(*groups, contrast=code)
    case.near(found, "E_P+E_Q")
    moments = pair_moments(*groups, contrast=code)
    for name, kind in (("d_ap", "positive"), ("d_an", "negative")):
        values = torch.tensor(case.wanted[name], dtype=torch.float64)
        case.near(getattr(moments, kind), value=values.mean())
        case.near(getattr(moments, f"{kind}_square"), value=values.square().mean())
    case.near(moments.constraint, "constraint")


def caf_adversarial_loss(case: Case) -> None:
    strong, weak = case.tensor("Zs", "Zw")
    for form, name in (
        ("centroid", "centroid(default)"),
        ("mean", "mean(paper, averaged over dims)"),
        ("mean01", "0.1*mean(code)"),
        ("oriented", "oriented_hinge"),
    ):
        found = contrastive_adversarial_loss(strong, weak, form=form)
        case.near(found, name)
    weak = weak.requires_grad_()
    contrastive_adversarial_loss(strong, weak).backward()
    case.near(weak.grad, "grad_centroid_wrt_Zw")


def caf_grouping(case: Case) -> None:
    labels, threshold = case.tensor("va"), case.given["delta_r"]
    groups = strong_weak_groups(labels, threshold=threshold)
    assert groups.strong.tolist() == case.wanted["strong_default"]
    assert groups.weak.tolist() == case.wanted["weak"]
    literal = strong_weak_groups(labels, threshold=threshold, strong_upper=1.0)
    assert literal.strong.tolist() == case.wanted["strong_paper_literal(r<1)"]
    assert (groups.strong & ~literal.strong).tolist() == case.wanted["dropped_by_literal"]
    code = code_groups(labels, threshold=threshold, balanced=False)
    assert code.strong.tolist() == case.wanted["strong_code(r^2>th+0.25)"]
    step = 1e-9 if case.dtype == torch.float64 else 1e-5
    for row, value in zip(labels, case.wanted["r"], strict=True):
        assert strong_weak_groups(row[None], threshold=value - step).strong.all()
        assert strong_weak_groups(row[None], threshold=value + step).weak.all()


def caf_margin_baselines(case: Case) -> None:
    found = [linear_margin(epoch) for epoch in case.given["epoch"]]
    case.near(found, "kappa_prime")
    case.near(found[2], "kappa")  # the two baselines meet after 20 epochs


def otsu_of_values(case: Case) -> None:
    cut = otsu_exact(case.tensor("x"))
    case.near(cut.threshold, "threshold(midpoint)")
    case.near(cut.between, "between_class_variance")


def otsu_of_bins(case: Case) -> None:
    low, high = case.given["range"]
    for plateau, name in (
        ("first_edge", "edge_first"),
        ("first_centre", "center_first"),
        ("middle", "edge_plateau_mid"),
    ):
        cut = otsu_histogram(
            case.tensor("x"), bins=case.given["bins"], low=low, high=high, plateau=plateau
        )
        case.near(cut.threshold, name)
        case.near(cut.between, "between_var")


def otsu_degenerate(case: Case) -> None:
    otsu_of_values(case)
    labels = case.tensor("x")[:, None].expand(-1, 2)
    threshold = radius_threshold(labels, Grouping(scope="batch"))
    groups = strong_weak_groups(labels, threshold=threshold)
    assert math.isnan(threshold)
    assert not (groups.strong | groups.weak).any()


def joined_thresholds(case: Case) -> None:
    case.near(delta_r(case.given["delta_v"], case.given["delta_a"]), "delta_r")


def kmeans_on_a_line(case: Case) -> None:
    values = case.tensor("x")
    for clusters in case.given["k"]:
        found = kmeans_centres(values, centres=clusters)
        case.near(found, str(clusters), "centers")
        error = (values.double()[:, None] - found).square().amin(dim=1).sum()
        case.near(error, str(clusters), "sse")
        cut = kmeans_threshold(values, centres=clusters)
        case.near(cut.threshold, str(clusters), "threshold_mean_of_centers")


def regression(case: Case) -> None:
    labels, found = case.tensor("y"), case.tensor("pred")
    scores = regression_metrics(labels.numpy(), found.numpy())
    pair = found[:, None], labels[:, None]
    for name, key in (("rmse",) * 2, ("sagr",) * 2, ("pcc",) * 2, ("ccc", "ccc_population")):
        case.near(scores[name], key)
    case.near(rmse_loss(*pair), "rmse")
    case.near(1 - pcc_loss(*pair), "pcc")
    case.near(1 - ccc_loss(*pair), "ccc_population")
    case.near(1 - ccc_loss(*pair, official=True), "ccc_official_caf_loss")
    if case.wanted["pcc_official_caf_loss"] is None:  # 0/0 in the released code, 0 here
        case.near(1 - pcc_loss(*pair, official=True), value=0.0)
    else:
        case.near(1 - pcc_loss(*pair, official=True), "pcc_official_caf_loss")


def regression_of_two_constants(case: Case) -> None:
    labels, found = case.tensor("y"), case.tensor("pred")
    scores = regression_metrics(labels.numpy(), found.numpy())
    for name, loss in (("pcc", pcc_loss), ("ccc", ccc_loss)):
        case.near(scores[name], name)
        case.near(1 - loss(found[:, None], labels[:, None]), name)


def valence_and_arousal(case: Case) -> None:
    axes = torch.tensor([case.given["v"], case.given["a"]], dtype=case.dtype)
    labels, found = axes[:, 0].T, axes[:, 1].T
    weight = case.given["eps_weight"]
    case.near(rmse_loss(found, labels), "L_RMSE")
    case.near(pcc_loss(found, labels), "L_PCC(pop)")
    case.near(ccc_loss(found, labels), "L_CCC(pop)")
    for official, name in ((False, "L_AV(pop)"), (True, "L_AV(official mixed variance)")):
        loss = av_regression_loss(found, labels, correlation_weight=weight, official=official)
        case.near(loss, name)


def rmse_batch_mean_bias(case: Case) -> None:
    batches = [np.sqrt(case.given[f"batch{i}_sq_err"]) for i in (1, 2)]
    whole = np.concatenate(batches)
    case.near(regression_metrics(np.zeros_like(whole), whole)["rmse"], "global_rmse")
    parts = [regression_metrics(np.zeros_like(batch), batch)["rmse"] for batch in batches]
    case.near(np.mean(parts), "mean_of_batch_rmse(official eval)")


def classification(case: Case) -> None:
    labels, found = np.array(case.given["y"]), np.array(case.given["pred"])
    classes = case.given["num_classes"]
    table = per_class_table(labels, found, [str(i) for i in range(classes)])
    for name in ("recall", "precision", "f1"):
        case.near([row[name] for row in table], name)
    scores = classification_metrics(labels, found, classes)
    for name in ("uar", "macro_f1", "weighted_f1", "accuracy"):
        case.near(scores[name], name)


def of_reversal(case: Case) -> tuple[torch.Tensor, ...]:
    given = FIXTURES["grl"]["in"]
    return tuple(torch.tensor(given[name], dtype=case.dtype, requires_grad=True) for name in "hWb")


def reversal(case: Case) -> None:
    for coefficient, name in (
        (None, "grad_h_without_grl"),
        (case.given["lambda"], "grad_h_with_grl"),
    ):
        features, weight, bias = of_reversal(case)
        below = features if coefficient is None else reverse_gradient(features, coefficient)
        loss = domain_cross_entropy_loss(below @ weight + bias, torch.tensor(case.given["y"]))
        loss.backward()
        case.near(loss, "loss")
        case.near(features.grad, name)
        case.near(weight.grad, "grad_W(unchanged)")
        case.near(bias.grad, "grad_b(unchanged)")


def speakers_per_language(case: Case) -> None:
    features, weight, bias = of_reversal(case)
    speakers = torch.tensor(FIXTURES["grl"]["in"]["y"])
    loss = domain_cross_entropy_loss(
        features @ weight + bias,
        speakers,
        class_groups=torch.tensor([0, 0, 1]),
        average="rows",
    )
    loss.backward()
    case.near(loss, "loss")
    case.near(features.grad, "grad_h_without_grl")


def unknown_speakers(case: Case) -> None:
    features, weight, bias = of_reversal(case)
    loss = domain_cross_entropy_loss(features @ weight + bias, torch.tensor(case.given["y"]))
    loss.backward()
    case.near(loss, "loss(mean over known)")
    case.near(features.grad, "grad_h_without_grl")


def confusion(case: Case) -> None:
    logits = case.tensor("logits")
    case.near(domain_confusion_loss(logits), "CE_to_uniform")
    case.near(domain_confusion_loss(logits * 0), "min_value_logS")
    case.near(-domain_entropy_loss(logits), "mean_entropy")


def schedules(case: Case) -> None:
    shares = case.given["p"]
    found = [ganin_lambda(share, gamma=case.given["gamma"]) for share in shares]
    case.near(found, "lambda")
    case.near([ganin_learning_rate(p) for p in shares], "lr_scale_mu(alpha=10,beta=0.75)")


def fisher(case: Case) -> None:
    strong, weak = (values.requires_grad_() for values in case.tensor("f_P", "f_Q"))
    multiplier, rho = case.given["lambda"], case.given["rho"]
    difference, omega = fisher_moments(strong, weak)
    case.near(difference, "mean_difference")
    case.near(omega, "Omega")
    case.near(fisher_ipm_ratio(strong, weak), "ipm_ratio")
    reward = -fisher_critic_loss(strong, weak, multiplier=multiplier, rho=rho)
    reward.backward()
    case.near(reward, "augmented_lagrangian(maximise in critic)")
    case.near(strong.grad, "grad_wrt_f_P")
    case.near(weak.grad, "grad_wrt_f_Q")
    module = FisherIPMLoss(rho=rho)
    module.multiplier.fill_(multiplier)
    module.step(strong, weak)
    case.near(module.multiplier, "lambda_after_one_step")


def fisher_of_a_linear_critic(case: Case) -> None:
    value, direction = fisher_ipm_linear(*case.tensor("X", "Y"), ridge=0.0)
    case.near(value, "fisher_ipm")
    case.near(direction, "w_star")
    second, gap = (torch.tensor(case.wanted[k], dtype=case.dtype) for k in ("Sigma", "delta"))
    case.near(direction @ second @ direction, value=1.0)
    case.near(gap @ direction, "fisher_ipm")


def moments_on_the_sphere(case: Case) -> None:
    strong, weak = case.tensor("V", "V2")
    case.near(sphere_points(strong), "sphere_points")
    for name in ("geodesic_to_north", "identity_2*atan2(1,|v|)"):
        case.near(north_distances(strong), name)
    for values, name in ((strong, "moments_V_r1..3"), (weak, "moments_V2_r1..3")):
        sums = [-sphere_encoder_loss(values, moments=most) for most in (1, 2, 3)]
        case.near(torch.stack(sums), value=np.cumsum(case.wanted[name]))
    for base, name in (("one", "sum_r1..3"), ("pi", "r1..3_scaled_by_pi^r")):
        loss = sphere_critic_loss(strong, weak, moments=3, base=base)
        case.near(-loss, f"critic_objective_{name}")


def density_ratio(case: Case) -> None:
    weak, strong = case.tensor("x_de(weak)", "x_nu(strong)")
    one = torch.full((1,), case.given["sigma2"], dtype=case.dtype)
    for ridge in (0.0, 0.001, 0.1):
        found = gram_ratio(strong, weak, variance=one, ridge=ridge)
        case.near(found, f"lambda={ridge}", "ratio")
        case.near(found.square().mean(), f"lambda={ridge}", "mean_sq_ratio")
        loss = gram_critic_loss(strong, weak, variances=one, ridge=ridge)
        case.near(-loss, f"lambda={ridge}", "pearson_divergence")
    found = gram_ratio(weak, weak, variance=one, ridge=0.0)
    case.near(found, "ratio_same_sets_lambda0")
    distance = mmd_loss(strong, weak, variances=one)
    case.near(distance, "mmd")
    case.near(distance.square(), "mmd2_biased")


def density_ratio_in_two_dimensions(case: Case) -> None:
    weak, strong = case.tensor("x_de(weak)", "x_nu(strong)")
    one, ridge = torch.full((1,), case.given["sigma2"], dtype=case.dtype), case.given["lambda"]
    case.near(gram_ratio(strong, weak, variance=one, ridge=ridge), "ratio")
    case.near(-gram_critic_loss(strong, weak, variances=one, ridge=ridge), "pearson")
    case.near(mmd_loss(strong, weak, variances=one).square(), "mmd2")


CHECKS = {
    "supcon_hand": supcon_hand,
    "supcon_general": supcon_general,
    "supcon_language_aware": supcon_language_aware,
    "supcon_anchor_without_positive": supcon_anchor_without_positive,
    "supcon_no_positive_at_all": supcon_no_positive_at_all,
    "mi_gaussian": mi_gaussian,
    "delta": delta,
    "alpha_hat": alpha_hat,
    "eta_kernel_mean_embedding": eta_kernel_mean_embedding,
    "eta_paired_correlation": eta_paired_correlation,
    "mi_official_code_bpsk": mi_official_code_bpsk,
    "aknn_K": aknn_neighbours,
    "caf_critic_loss": caf_critic_loss,
    "caf_critic_loss_code_pairing": caf_critic_loss_code_pairing,
    "caf_adversarial_loss": caf_adversarial_loss,
    "caf_grouping": caf_grouping,
    "caf_margin_baselines": caf_margin_baselines,
    "caf_L_AV": valence_and_arousal,
    "otsu_exact": otsu_of_values,
    "otsu_histogram": otsu_of_bins,
    "otsu_8bins_hand": otsu_of_bins,
    "otsu_degenerate": otsu_degenerate,
    "delta_r": joined_thresholds,
    "kmeans_threshold": kmeans_on_a_line,
    "regression_metrics": regression,
    "regression_metrics_hand": regression,
    "regression_metrics_constant_pred": regression,
    "regression_metrics_both_constant_equal": regression_of_two_constants,
    "rmse_batch_mean_bias": rmse_batch_mean_bias,
    "classification_metrics": classification,
    "grl": reversal,
    "speaker_ce_per_language_mask": speakers_per_language,
    "speaker_ce_unknown_label": unknown_speakers,
    "speaker_confusion": confusion,
    "ganin_lambda": schedules,
    "fisher_ipm": fisher,
    "fisher_ipm_linear_closed_form": fisher_of_a_linear_critic,
    "sphere_moments": moments_on_the_sphere,
    "gram_ratio": density_ratio,
    "gram_ratio_2d": density_ratio_in_two_dimensions,
}
ELSEWHERE = {  # fixture: the files that hold its numbers, and the digits that show it
    "aml_pair_loss": [("test_pair_loss*.py", "1.854385")],
    "aml_bounded": [("test_learned_similarity*.py", "-0.125")],
    "dro_kl_weights": [("test_*pair_loss*.py", "1.526048")],
    "lcl_loss(varsha33 form)": [("test_label_aware*.py", "0.683136")],
    "dml_losses": [
        ("test_contrastive*.py", "0.189999"),
        ("test_triplet*.py", "0.249999"),
        ("test_margin*.py", "17.98012"),
    ],
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("name", CHECKS)
def test_fixture(name: str, dtype: torch.dtype) -> None:
    CHECKS[name](Case(FIXTURES[name]["in"], FIXTURES[name]["out"], dtype))


def test_every_fixture_is_claimed_once() -> None:
    assert len(EVERY_NAME) == len(set(EVERY_NAME)) == 45
    assert sorted([*CHECKS, *ELSEWHERE]) == sorted(EVERY_NAME)
    assert sorted(FIXTURES) == sorted(CHECKS)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_fixtures_elsewhere_are_there(name: str) -> None:
    for pattern, digits in ELSEWHERE[name]:
        files = sorted(HERE.glob(pattern))
        assert any(digits in file.read_text() for file in files), (pattern, digits)
