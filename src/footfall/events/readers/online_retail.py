"""UCI Online Retail and Online Retail II: one row per invoice line, under the header of either version.

``InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country``, or ``Invoice``, ``Price`` and
``Customer ID``. A line becomes one event:

- ``adjustment``: an invoice that begins with ``A`` (bad debt), or a negative price. The price loses its sign, the
  quantity takes it.
- ``refund``: an invoice that begins with ``C``, or a negative quantity. The quantity loses its sign.
- ``purchase``: every other line.

So the money as given, the sum of quantity x price over the lines, is purchases - refunds + adjustments. (Only a
C-invoice with a positive quantity would break this; it is a refund all the same, and its quantity as given stays in
``properties``.)

A line without a customer belongs to an anonymous buyer with the invoice's number. Descriptions of unpaid lines are
notes of the warehouse (``damaged``, ``?``): they go to ``properties``, never into the catalogue. Times are in the
shop's zone.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._sql import given, json_pairs, others, without_nulls

_INVOICE = ("InvoiceNo", "Invoice")
_PRICE = ("UnitPrice", "Price")
_CUSTOMER = ("CustomerID", "Customer ID")
_QUANTITY = q("Quantity")


def _unsigned(number: str) -> str:
    return f"CASE WHEN prefix({number}, '-') THEN substr({number}, 2) ELSE {number} END"


def _project(columns: Sequence[str]) -> Projection:
    invoice, price, customer = given(columns, *_INVOICE), given(columns, *_PRICE), given(columns, *_CUSTOMER)
    # A spreadsheet that held empty cells wrote its whole numbers as 17850.0.
    whole = f"CASE WHEN suffix({customer}, '.0') THEN left({customer}, length({customer}) - 2) ELSE {customer} END"
    adjusted = f"prefix({price}, '-') OR prefix({invoice}, 'A') OR prefix({invoice}, 'a')"
    refunded = f"prefix({_QUANTITY}, '-') OR prefix({invoice}, 'C') OR prefix({invoice}, 'c')"
    flipped = f"CASE WHEN prefix({_QUANTITY}, '-') THEN substr({_QUANTITY}, 2) ELSE '-' || {_QUANTITY} END"
    unsigned = _unsigned(_QUANTITY)
    quantity = f"CASE WHEN prefix({price}, '-') THEN {flipped} WHEN {adjusted} THEN {_QUANTITY} ELSE {unsigned} END"
    paid = f"TRY_CAST({price} AS DOUBLE) > 0 AND NOT ({adjusted})"
    event = {
        "user_id": "NULL" if customer == "NULL" else whole,
        "anonymous_id": f"CASE WHEN nullif(trim({customer}), '') IS NULL THEN {invoice} END",
        "timestamp": q("InvoiceDate"),
        "event_type": f"CASE WHEN {adjusted} THEN 'adjustment' WHEN {refunded} THEN 'refund' ELSE 'purchase' END",
        "item_id": q("StockCode"),
        "quantity": quantity,
        "price": _unsigned(price),
        "order_id": invoice,
        "country": given(columns, "Country"),
    }
    name = given(columns, "Description")
    items = {
        "item_id": q("StockCode"),
        "name": f"CASE WHEN {paid} THEN {name} END" if name != "NULL" else name,
        "price": f"CASE WHEN {paid} THEN {price} END",
    }
    odd = f"NOT ({adjusted}) AND NOT prefix({_QUANTITY}, '-') AND (prefix({invoice}, 'C') OR prefix({invoice}, 'c'))"
    kept = {"Quantity": f"CASE WHEN {odd} THEN to_json({_QUANTITY}) END"}
    if name != "NULL":
        kept["Description"] = f"CASE WHEN NOT coalesce({paid}, false) THEN to_json({name}) END"
    used = (*_INVOICE, *_PRICE, *_CUSTOMER, "StockCode", "Description", "Quantity", "InvoiceDate", "Country")
    return Projection(
        without_nulls(event),
        without_nulls(items),
        rest=others(columns, *used),
        properties=f"CASE WHEN ({odd}) OR NOT coalesce({paid}, false) THEN {json_pairs(kept)} END",
        time_unit="text",
        time_formats=("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"),
    )


READER = Reader(
    name="online_retail",
    title="UCI Online Retail",
    required=frozenset({"StockCode", "Quantity", "InvoiceDate"}),
    one_of=(frozenset(_INVOICE), frozenset(_PRICE)),
    known=frozenset({"Description", "Country", *_CUSTOMER}),
    project=_project,
)
