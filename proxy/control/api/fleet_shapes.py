"""The shape of what the admin API answers about a fleet (`fleet_view`), for the OpenAPI document."""

from __future__ import annotations

from proxy.control.api.shapes import Schema, many, maybe, number, record, ref, text, whole

SCOPE: Schema = text(enum=["sidecar", "fleet"], description="What the verdict, or the audit, is of.")

FLEET_SHAPES: dict[str, Schema] = {
    "Fleet": record(
        fleet=text(description="Its name."),
        instance=text(description="Name of this sidecar in it."),
        judge=maybe(text(description="The sidecar that judges, as the store said last; null: nobody, or it is lost.")),
        is_judge={"type": "boolean"},
        lost={"type": "boolean", "description": "Whether the store has been silent for the lease."},
        apart={"type": "boolean", "description": "Whether only primaries have traffic here, because of that."},
        settling={
            "type": "boolean",
            "description": "Whether only primaries have traffic, because the fleet begins without any past.",
        },
        term=whole(description="Number of the judge's term, in the table that is followed."),
        look=whole(description="Number of its look in that term."),
        heard_seconds_ago=maybe(number(description="Since the store answered; null: it never did.")),
        fault=maybe(text(description="Why the store cannot be used at present.")),
        warnings=many(text()),
        notices=many(ref("Notice")),
        late_legs=whole(description="Requests whose counts came too late to be evidence."),
        revision=maybe(whole(description="The fleet's table that is followed.")),
        members=many(ref("FleetMember")),
        audit=record(entries=whole(), hash=text()),
    ),
    "FleetMember": record(
        instance=text(),
        report_seconds_ago=number(description="As far as is known here: while nobody judges, nobody looks."),
        behind=maybe(whole(description="Looks behind; one or two are usual. Null: it follows another term's table.")),
        late={"type": "boolean", "description": "Whether it is further behind than usual."},
        differs=many(text(description="A route whose section is not the judge's.")),
        version=text(description="Of Penumbra."),
        left_streams=many(record(route=text(), version=text(), streams=whole()))
        | {"description": "Streams that are open there on versions that were rolled back."},
    ),
}
