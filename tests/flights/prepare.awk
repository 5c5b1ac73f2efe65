# The events and the spine of prepare.py, byte for byte, on machines without Python:
#
#     gzip -dc flights.csv.gz | awk -F, -v what=flights -f prepare.awk
#     gzip -dc flights.csv.gz | awk -F, -v what=spine   -f prepare.awk
#
# tests/oracle/run.sh compares the two. Times are counted in minutes since 1970, which every awk
# prints exactly; in microseconds some do not.

function event(rest) {
    return "{\"view\":\"flights\",\"entity\":{\"tailnum\":" tail "},\"event_time\":\"" scheduled "\"" rest "}}"
}

function number(name) { return "\"" name "\":" (cell(name) == "NA" ? "null" : cell(name)) }
function string(name) { return "\"" name "\":\"" cell(name) "\"" }
function cell(name) { return $(column[name]) }

# Days since 1970 of a date, and back: the year is taken to begin in March, so that the leap day
# is its last.
function days_of(y, m, d) {
    if (m < 3) { y--; m += 12 }
    return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
}

function rfc3339(minutes,   days, y, m, d) {
    days = int(minutes / 1440)
    y = 1970 + int(days / 366)
    while (days_of(y + 1, 1, 1) <= days) y++
    m = 1
    while (m < 12 && days_of(y, m + 1, 1) <= days) m++
    d = days - days_of(y, m, 1) + 1
    minutes -= days * 1440
    return sprintf("%04d-%02d-%02dT%02d:%02d:00Z", y, m, d, int(minutes / 60), minutes % 60)
}

/"/ { print "prepare.awk: line " NR " is quoted; use prepare.py" > "/dev/stderr"; exit 1 }

NR == 1 {
    for (i = 1; i <= NF; i++) column[$i] = i
    if (what == "spine") print "flight_row,tailnum,origin,departure"
    next
}

{
    hour = cell("time_hour")
    scheduled = substr(hour, 1, 14) sprintf("%02d", cell("minute")) ":00Z"
    missing = cell("tailnum") == "NA"
}

what == "spine" { print NR - 1 "," (missing ? "" : cell("tailnum")) "," cell("origin") "," scheduled }

what == "flights" {
    tail = missing ? "null" : "\"" cell("tailnum") "\""
    print event(",\"op\":\"put\",\"features\":{" string("carrier") "," number("flight") "," \
        string("origin") "," string("dest") "," number("distance") "," \
        number("sched_dep_time") "," number("sched_arr_time"))
    if (missing || cell("dep_delay") == "NA" || cell("air_time") == "NA") next
    landed = days_of(substr(hour, 1, 4) + 0, substr(hour, 6, 2) + 0, substr(hour, 9, 2) + 0) * 1440 \
        + substr(hour, 12, 2) * 60 + cell("minute") + cell("dep_delay") + cell("air_time")
    print event(",\"recorded_at\":\"" rfc3339(landed) "\",\"op\":\"patch\",\"features\":{" \
        number("dep_time") "," number("dep_delay") "," number("arr_time") "," \
        number("arr_delay") "," number("air_time"))
}
