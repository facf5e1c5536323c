use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

const TEXT: &str = "\
# Our users.

# The first one.
[[user]]
# As she types it.
name = \"alice\"
password = \"wonderland-7\" # told her on Monday
password_expired = true

[[user]]
name = 'BRANCH\\router-7'
nt_hash = \"44ebba8d5312b8d611474411f56989ae\"
routes = [\"10.3.0.0/24\"] # the branch
";

#[test]
fn a_user_more_leaves_everything_else_as_it_was() {
    let mut file = UsersFile::parse(TEXT).unwrap();
    let extras = Extras {
        address: Some("10.77.0.9".into()),
        routes: vec!["10.4.0.0/24".into()],
        sessions_max: Some(2),
        rate: Some("2M/10M".into()),
        expires: Some("2031-12-31".into()),
        limits: [Some(1 << 40), None, Some(900)],
        ..Extras::default()
    };
    let hash = NtHash::from_password("x");
    file.add("bob", &Kept::Hash(&hash), &extras).unwrap();
    let text = file.text();
    assert!(text.starts_with(TEXT), "{}", &*text);
    let added = text.strip_prefix(TEXT).unwrap();
    let hexadecimal = hexadecimal(&hash);
    assert_eq!(
        added,
        format!(
            "\n[[user]]\nname = \"bob\"\nnt_hash = \"{}\"\naddress = \"10.77.0.9\"\n\
             rate_mikrotik = \"2M/10M\"\nroutes = [\"10.4.0.0/24\"]\nsessions_max = 2\n\
             expires = 2031-12-31\nquota_total_bytes = 1099511627776\nidle_limit_s = 900\n",
            &*hexadecimal
        )
    );
    let again = file.add("bob", &Kept::Hash(&hash), &extras);
    assert_eq!(again, Err(EditError::UserExists("bob".into())));
    let never = Extras {
        expires: Some("tomorrow".into()),
        ..Extras::default()
    };
    let refused = file.add("carol", &Kept::Hash(&hash), &never);
    assert_eq!(refused, Err(EditError::NoTime("tomorrow".into())));
    let names: Vec<_> = file.list().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["alice", "BRANCH\\router-7", "bob"]);
    assert_eq!(file.list()[2].extras, extras);
}

#[test]
fn another_password_stands_where_the_old_one_stood_and_has_not_expired() {
    let mut file = UsersFile::parse(TEXT).unwrap();
    assert_eq!(file.list()[0].standing, "password expired");
    let secret = Secret::from("a \"quoted\" one\\".to_owned());
    file.set_password("alice", &Kept::Clear(&secret)).unwrap();
    let hash = NtHash::from_password("x");
    file.set_password("BRANCH\\router-7", &Kept::Hash(&hash))
        .unwrap();
    let text = file.text();
    for kept in [
        "# Our users.",
        "# The first one.",
        "# As she types it.",
        "# the branch",
    ] {
        assert!(text.contains(kept), "{kept} is not in {}", &*text);
    }
    let read: toml::Table = text.parse().unwrap();
    let users = read["user"].as_array().unwrap();
    assert_eq!(
        users[0]["password"].as_str().unwrap().as_bytes(),
        secret.expose()
    );
    assert!(users[0].get("password_expired").is_none());
    assert_eq!(users[1]["nt_hash"].as_str(), Some(&**hexadecimal(&hash)));
    let unknown = file.set_password("nobody", &Kept::Clear(&secret));
    assert_eq!(unknown, Err(EditError::UserUnknown("nobody".into())));
}

#[test]
fn a_user_less_and_a_file_that_was_empty_or_broken() {
    let mut file = UsersFile::parse(TEXT).unwrap();
    file.remove("alice").unwrap();
    assert_eq!(file.list().len(), 1);
    assert!(file.text().contains("# the branch"));
    assert!(file.remove("alice").is_err());
    let mut empty = UsersFile::parse("").unwrap();
    let secret = Secret::from("wonderland-7".to_owned());
    empty
        .add("alice", &Kept::Clear(&secret), &Extras::default())
        .unwrap();
    let text = empty.text();
    assert_eq!(
        &*text,
        "[[user]]\nname = \"alice\"\npassword = \"wonderland-7\"\n"
    );
    let error = UsersFile::parse("[[user]]\npassword = \"hidden\" x\n");
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("line 2") && !error.contains("hidden"),
        "{error}"
    );
}

#[test]
fn the_file_is_replaced_whole_and_one_that_others_can_read_is_not_touched() {
    let folder = std::env::temp_dir().join(format!("pns-users-file-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("users.toml");
    let add = |name: &'static str| {
        move |text: &str| -> Result<Zeroizing<String>, String> {
            let mut file = UsersFile::parse(text).map_err(|error| error.to_string())?;
            let secret = Secret::from("wonderland-7".to_owned());
            file.add(name, &Kept::Clear(&secret), &Extras::default())
                .map_err(|error| error.to_string())?;
            Ok(file.text())
        }
    };
    store::change(&path, add("alice")).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    store::change(&path, add("bob")).unwrap();
    assert_eq!(mode(&path), 0o640, "the group that reads it still does");
    let before = fs::read_to_string(&path).unwrap();
    let refused = store::change(&path, add("bob")).unwrap_err();
    assert!(refused.contains("already"), "{refused}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = store::change(&path, add("carol")).unwrap_err();
    assert!(refused.contains("chmod o-rwx"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let left: Vec<_> = fs::read_dir(&folder).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
    fs::remove_dir_all(&folder).unwrap();
}
