# The date of Easter, for Python 2. In Python 3, / divides otherwise, and the dates would be wrong.
import sys


def easter(year):
    century = year / 100
    golden = year % 19
    correction = (century - (century - 17) / 25) / 3
    epact = (century - century / 4 - correction + 19 * golden + 15) % 30
    epact = epact - (epact / 28) * (1 - (epact / 28) * (29 / (epact + 1)) * ((21 - golden) / 11))
    weekday = (year + year / 4 + epact + 2 - century + century / 4) % 7
    distance = epact - weekday
    month = 3 + (distance + 40) / 44
    return month, distance + 28 - 31 * (month / 4)


first, last = int(sys.argv[1]), int(sys.argv[2])
for year in xrange(first, last + 1):
    print "%d-%02d-%02d" % ((year,) + easter(year))
