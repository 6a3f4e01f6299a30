#!/usr/bin/env python3
"""Nightly sales and settlement sheets. --serve lists the finished ones for the shop's admin pages."""
import configparser
import os

import pandas
import psycopg2

conf = configparser.ConfigParser()
conf.read("reports.conf")


def connect(section):
    s = dict(conf[section])
    if section == "sales":
        s["host"] = os.environ.get("REPORTS_DB_HOST", s["host"])
    return psycopg2.connect(**s)


def sales(day):
    return pandas.read_sql("select * from daily_sales where day = %s", connect("sales"), params=[day])
