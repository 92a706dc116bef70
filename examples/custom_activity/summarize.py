"""Sums up the sales of one region, as the program of a Custom activity of Azure Data Factory."""

import csv
import json

with open("activity.json", encoding="utf-8") as file:
    properties = json.load(file)["typeProperties"]["extendedProperties"]

with open("sales.csv", encoding="utf-8", newline="") as file:
    amounts = [float(row["amount"]) for row in csv.DictReader(file) if row["region"] == properties["region"]]

print(f"{len(amounts)} sales in the region {properties['region']}")
with open("outputs.json", "w", encoding="utf-8") as file:
    json.dump({"region": properties["region"], "sales": len(amounts), "sum": sum(amounts)}, file)
