//! Times as people write them.

/// `YYYY-MM-DDThh:mm:ss` and a zone, `Z` or `+hh:mm`: seconds since 1970 (WISPr 1.0 §A.9). Without a
/// zone it is UTC. `None`: it is no time, or one before 1970.
#[must_use]
pub fn iso_time(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| whole)
    };
    let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    let marked = |(at, mark): (usize, &str)| text.get(at..=at) == Some(mark);
    if !marks.into_iter().all(marked) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let ranges = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let offset_s = match text.get(19..)? {
        "" | "Z" => 0,
        zone => {
            let sign = match zone.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let minutes = if zone.get(3..4) == Some(":") { 23 } else { 22 };
            let end = text.len() == minutes + 2;
            let offset_s = number(20, 22)? * 3600 + number(minutes, minutes + 2)? * 60;
            end.then_some(sign * offset_s)?
        }
    };
    let local_s = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    u64::try_from(local_s - offset_s).ok().filter(|_| ranges)
}

/// Days of the Gregorian calendar, in which a year begins in March and so ends with the leap day.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_with_and_without_zone() {
        assert_eq!(iso_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(iso_time("2000-03-01T00:00:00"), Some(951_868_800));
        assert_eq!(iso_time("2024-02-29T23:59:59+05:00"), Some(1_709_233_199));
        assert_eq!(iso_time("2024-02-29T23:59:59-0530"), Some(1_709_270_999));
        for wrong in [
            "",
            "tomorrow",
            "2024-13-01T00:00:00Z",
            "2024-02-29 23:59:59",
            "2024-02-29T24:00:00Z",
            "2024-02-29T23:59:59+5",
            "1969-12-31T23:59:59Z",
            "2024-02-29T23:59:59+05:00x",
        ] {
            assert_eq!(iso_time(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_not(text in "\\PC{0,40}") {
            let _ = iso_time(&text);
        }
    }
}
