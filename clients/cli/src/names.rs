//! Short names: what is typed, made into the resource name that the server knows.

use crate::failure::Failure;

/// A name under a business unit, as far as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// The whole name, or unit and id.
    Whole(String),
    /// The id alone: its business unit has to be found.
    Id(String),
}

/// Reads a name of the collection `businessUnits/*/{collection}`: whole, as `unit/id`, or as the id.
pub(crate) fn under_unit(typed: &str, collection: &str) -> Result<Typed, Failure> {
    match typed.split('/').collect::<Vec<_>>()[..] {
        ["businessUnits", unit, found, id] if found == collection && !unit.is_empty() && !id.is_empty() => {
            Ok(Typed::Whole(typed.to_owned()))
        }
        [unit, id] if !unit.is_empty() && !id.is_empty() => {
            Ok(Typed::Whole(format!("businessUnits/{unit}/{collection}/{}", id_of(id, collection))))
        }
        [id] if !id.is_empty() => Ok(Typed::Id(id_of(id, collection))),
        _ => Err(wrong(typed, &format!("businessUnits/UNIT/{collection}/ID, UNIT/ID or ID"))),
    }
}

/// Codes are upper case: `r-42` is `R-42`.
fn id_of(id: &str, collection: &str) -> String {
    let is_code = collection == "requests" && id.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("r-"));
    if is_code { id.to_uppercase() } else { id.to_owned() }
}

/// Reads a name of a collection that stands alone, such as `jobs`.
pub(crate) fn alone(typed: &str, collection: &str) -> Result<String, Failure> {
    match typed.split('/').collect::<Vec<_>>()[..] {
        [found, id] if found == collection && !id.is_empty() => Ok(typed.to_owned()),
        [id] if !id.is_empty() => Ok(format!("{collection}/{id}")),
        _ => Err(wrong(typed, &format!("{collection}/ID or ID"))),
    }
}

/// Reads a template, `TEMPLATE` or `TEMPLATE@VERSION`, or the whole name of either.
pub(crate) fn template(typed: &str) -> Result<String, Failure> {
    if let ["templates", template, "versions", version] = typed.split('/').collect::<Vec<_>>()[..]
        && !template.is_empty()
        && !version.is_empty()
    {
        return Ok(typed.to_owned());
    }
    match typed.split_once('@') {
        Some((template, version)) if !version.is_empty() => {
            Ok(format!("{}/versions/{version}", alone(template, "templates")?))
        }
        Some(_) => Err(wrong(typed, "TEMPLATE@VERSION")),
        None => alone(typed, "templates"),
    }
}

/// The business unit in a name: `businessUnits/a/environments/b` is of `businessUnits/a`.
pub(crate) fn unit_of(name: &str) -> Option<String> {
    let mut segments = name.split('/');
    match (segments.next(), segments.next()) {
        (Some("businessUnits"), Some(unit)) => Some(format!("businessUnits/{unit}")),
        _ => None,
    }
}

fn wrong(typed: &str, forms: &str) -> Failure {
    Failure::Usage(format!("`{typed}` is not a name of the form {forms}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_by_code_unit_and_code_or_name() {
        let read = |typed| under_unit(typed, "requests").unwrap();
        assert_eq!(read("R-42"), Typed::Id("R-42".into()));
        assert_eq!(read("r-42"), Typed::Id("R-42".into()));
        assert_eq!(read("sandbox/R-42"), Typed::Whole("businessUnits/sandbox/requests/R-42".into()));
        assert_eq!(read("businessUnits/a/requests/R-1"), Typed::Whole("businessUnits/a/requests/R-1".into()));
    }

    #[test]
    fn a_name_of_another_kind_is_refused() {
        for typed in ["", "/", "a/", "businessUnits/a/deployments/b", "a/b/c", "businessUnits//requests/R-1"] {
            assert!(under_unit(typed, "requests").is_err(), "{typed:?}");
        }
        assert!(alone("approvals/1", "jobs").is_err());
        assert!(template("aws-s3@").is_err());
        assert!(template("jobs/1@2").is_err());
    }

    #[test]
    fn templates_may_carry_a_version() {
        assert_eq!(template("aws-s3").unwrap(), "templates/aws-s3");
        assert_eq!(template("aws-s3@1.0.0").unwrap(), "templates/aws-s3/versions/1.0.0");
        assert_eq!(template("templates/aws-s3/versions/1.0.0").unwrap(), "templates/aws-s3/versions/1.0.0");
    }

    #[test]
    fn the_unit_is_in_the_name() {
        assert_eq!(unit_of("businessUnits/a/environments/b").as_deref(), Some("businessUnits/a"));
        assert_eq!(unit_of("jobs/1"), None);
    }
}
