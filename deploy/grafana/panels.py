"""The kinds of panels and the frame of a page that all dashboards share.

Colours follow roles: the primary is blue, the canary orange, a shadow grey, so that an arm looks the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models import prometheus as queries

SOURCE = models.DataSourceRef(type_val="prometheus", uid="$datasource")
ROUTE = 'route=~"$route"'
ARM = "{{route}} {{role}} {{version}}"
ROLES = {
    "primary": "blue",
    "canary": "orange",
    "baseline": "green",
    "shadow": "#8e8e8e",
    "rescue": "yellow",
    "noise": "purple",
}
BAD = 'code=~"5..|grpc:(2|4|12|13|14|15)|[a-z][a-z0-9_]*", code!="client_abort"'

Queries = Sequence[tuple[str, str]]
"""PromQL and the legend of its series."""
Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel | heatmap.Panel


def _query(expr: str, legend: str, instant: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE)
    return query.instant().format(queries.PromQueryFormat.TABLE) if instant else query


def graph(
    title: str, unit: str, queries: Queries, what: str = "", low: float | None = 0, stacked: bool = False
) -> timeseries.Panel:
    """Lines over time. `what` is said where the mouse asks."""
    panel = timeseries.Panel().title(title).description(what).unit(unit).datasource(SOURCE).height(8).span(8)
    panel.legend(
        common.VizLegendOptions().display_mode(values.LegendDisplayMode.LIST).placement(values.LegendPlacement.BOTTOM)
    )
    panel.tooltip(common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI)).show_points(
        values.VisibilityMode.NEVER
    )
    if low is not None:
        panel.min(low)
    if stacked:
        panel.stacking(common.StackingConfig().mode(values.StackingMode.NORMAL)).fill_opacity(30)
    for role, colour in ROLES.items():
        panel.override_by_regexp(f"/ {role} /", [_colour(colour)])
    for expr, legend in queries:
        panel.with_target(_query(expr, legend))
    return panel


def _colour(name: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": name})


def number(
    title: str, unit: str, expr: str, legend: str = "", bad_from: float | None = None, what: str = ""
) -> stat.Panel:
    """One number for each series, red from `bad_from` on."""
    panel = stat.Panel().title(title).description(what).unit(unit).datasource(SOURCE).height(4).span(4)
    steps = [models.Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(models.Threshold(value=bad_from, color="red"))
    panel.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    return panel.with_target(_query(expr, legend))


def states(
    title: str, expr: str, legend: str, words: dict[str, tuple[str, str]], what: str = ""
) -> statetimeline.Panel:
    """What state something was in when: values to words and colours."""
    options = {
        value: models.ValueMappingResult(text=text, color=colour, index=place)
        for place, (value, (text, colour)) in enumerate(words.items())
    }
    panel = statetimeline.Panel().title(title).description(what).datasource(SOURCE).height(8).span(24)
    panel.mappings([models.ValueMap(options=options)])
    panel.legend(
        common.VizLegendOptions()
        .show_legend(False)
        .display_mode(values.LegendDisplayMode.LIST)
        .placement(values.LegendPlacement.BOTTOM)
    )
    return panel.with_target(_query(expr, legend))


def rows(title: str, queries: Queries, what: str = "", span: int = 24) -> table.Panel:
    """Values of now as a table, one row for each combination of labels; the legends name the columns."""
    panel = table.Panel().title(title).description(what).datasource(SOURCE).height(8).span(span)
    names = {}
    for place, (expr, legend) in enumerate(queries):
        panel.with_target(_query(expr, legend, instant=True).ref_id(chr(ord("A") + place)))
        names[f"Value #{chr(ord('A') + place)}" if len(queries) > 1 else "Value"] = legend
    hidden = dict.fromkeys(("Time", "__name__", "job", "instance", "namespace", "pod", "endpoint", "container"), True)
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    tidy = {"excludeByName": hidden, "renameByName": names}
    return panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=tidy))


def warmth(title: str, unit: str, expr: str, what: str = "") -> heatmap.Panel:
    """A histogram over time."""
    panel = heatmap.Panel().title(title).description(what).datasource(SOURCE).height(8).span(8)
    panel.y_axis(heatmap.YAxisConfig().unit(unit)).calculate(False)
    panel.color(heatmap.HeatmapColorOptions().mode(heatmaps.HeatmapColorMode.SCHEME).scheme("Blues").steps(32))
    return panel.with_target(_query(expr, "{{le}}").format(queries.PromQueryFormat.HEATMAP))


def page(title: str, uid: str, about: str) -> dashboard.Dashboard:
    """A dashboard with its variables, and rollbacks as annotations."""
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    route = dashboard.QueryVariable("route").label("Route").datasource(SOURCE).multi(True).include_all(True)
    route.query("label_values(penumbra_release_phase, route)").refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    route.current(models.VariableOption(selected=True, text="All", value="$__all"))
    made = (
        dashboard.Dashboard(title).uid(uid).description(about).tags(["penumbra"]).refresh("5s").time("now-30m", "now")
    )
    made.tooltip(models.DashboardCursorSync.CROSSHAIR).readonly().with_variable(source).with_variable(route)
    link = dashboard.DashboardLink("Penumbra").type(models.DashboardLinkType.DASHBOARDS).tags(["penumbra"])
    made.link(link.include_vars(True).keep_time(True).as_dropdown(False))
    return made.annotation(_changes("Rolled back", "rolled_back", "red")).annotation(
        _changes("Promoted", "promoted", "green")
    )


def _changes(name: str, phase: str, colour: str) -> dashboard.AnnotationQuery:
    now = f'penumbra_release_phase{{phase="{phase}", {ROUTE}}}'
    expr = f"{now} == 1 unless {now} offset 30s == 1"
    query = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour)
    return query.expr(expr)
