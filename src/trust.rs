//! Whose certificates are trusted.
//!
//! They are read once, at start-up, when Lambda gives a whole processor. A system trusts a hundred
//! and more, so how they are read is a good part of how long a start takes.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// The certificates that are trusted. Where they stand is said by the variables that
/// [the AWS tools] and [OpenSSL] know: in the file that `AWS_CA_BUNDLE` names; or else in that of
/// `SSL_CERT_FILE` and the folders of `SSL_CERT_DIR`; or else where the system has them.
///
/// Files are PEM, and what is no certificate in them is passed over. In a folder, those files count
/// that have a name as `openssl rehash` gives it.
///
/// # Errors
///
/// The file cannot be read, or there is no certificate at all.
///
/// [the AWS tools]: https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
/// [OpenSSL]: https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/
pub fn roots(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<RootCertStore> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let (file, folders) = match (
        set("AWS_CA_BUNDLE"),
        set("SSL_CERT_FILE"),
        set("SSL_CERT_DIR"),
    ) {
        (Some(bundle), _, _) => (Some(bundle.into()), Vec::new()),
        (None, None, None) => {
            let system = openssl_probe::probe();
            match system.cert_file {
                None => (None, system.cert_dir),
                file => (file, Vec::new()),
            }
        }
        (None, file, folders) => (
            file.map(PathBuf::from),
            folders.iter().flat_map(env::split_paths).collect(),
        ),
    };
    let mut trusted = RootCertStore::empty();
    if let Some(file) = &file {
        add(file, &mut trusted).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
    }
    // As with OpenSSL, a folder of the list need not be there, nor one of its files readable.
    let entries = folders.iter().flat_map(fs::read_dir).flatten().flatten();
    for file in entries.map(|entry| entry.path()) {
        if is_hashed(&file) {
            let _ = add(&file, &mut trusted);
        }
    }
    if trusted.is_empty() {
        let places: Vec<_> = file.iter().chain(&folders).collect();
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("no certificate that can be read in {places:?}"),
        ));
    }
    Ok(trusted)
}

/// Whether a file has a name under which OpenSSL looks certificates up: the hash of whom it
/// certifies, in eight digits, and a number.
fn is_hashed(file: &Path) -> bool {
    let name = file.file_name().and_then(OsStr::to_str);
    name.and_then(|name| name.split_once('.'))
        .is_some_and(|(hash, number)| {
            hash.len() == 8
                && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
                && !number.is_empty()
                && number.bytes().all(|digit| digit.is_ascii_digit())
        })
}

/// Trusts the certificates in a file.
fn add(file: &Path, trusted: &mut RootCertStore) -> io::Result<()> {
    let pem = BufReader::with_capacity(16 * 1024, File::open(file)?);
    certificates(pem, |certificate| {
        // One that cannot be read is no reason to trust none of the others.
        let _ = trusted.add(certificate);
    })
}

/// Hands every certificate in a PEM file to `each`.
///
/// A system trusts a hundred and more, and to decode them is a good part of start-up. The reader
/// that rustls has is made for secrets, whose values must not show in the time that they take,
/// and needs some eight times as long.
fn certificates(mut pem: impl BufRead, mut each: impl FnMut(CertificateDer<'_>)) -> io::Result<()> {
    let (mut piece, mut base64) = (Vec::new(), Vec::new());
    let mut begun = false;
    // Base64 has no dashes: what stands between a certificate's first and last line is one piece.
    while until_dash(&mut pem, &mut piece)? {
        match piece.trim_ascii() {
            b"" => {}
            b"BEGIN CERTIFICATE" => {
                begun = true;
                base64.clear();
            }
            b"END CERTIFICATE" => {
                if begun && let Ok(der) = base64_simd::forgiving_decode_inplace(&mut base64) {
                    each((&*der).into());
                }
                begun = false;
            }
            text => {
                begun &= base64.is_empty();
                // Lines have all the same length. Where they have not, the decoder still finds
                // what is between them, only slower.
                let length = text.iter().position(|byte| *byte == b'\n');
                for line in text.chunks(length.unwrap_or(text.len()) + 1) {
                    base64.extend_from_slice(line.trim_ascii());
                }
            }
        }
        piece.clear();
    }
    Ok(())
}

/// Adds to `piece` what comes before the next dash, and takes the dash away; whether there is one.
fn until_dash(pem: &mut impl BufRead, piece: &mut Vec<u8>) -> io::Result<bool> {
    loop {
        let bytes = pem.fill_buf()?;
        let dash = memchr::memchr(b'-', bytes);
        let length = dash.unwrap_or(bytes.len());
        piece.extend_from_slice(bytes.get(..length).unwrap_or_default());
        let end = bytes.is_empty();
        pem.consume(length + usize::from(dash.is_some()));
        if dash.is_some() || end {
            return Ok(!end);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::pem::PemObject;
    use tempfile::TempDir;

    use super::*;

    /// What rustls' own reader finds.
    fn by_rustls(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem).flatten().collect()
    }

    fn ours(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        let mut found = Vec::new();
        certificates(pem, |certificate| found.push(certificate.into_owned())).unwrap();
        found
    }

    fn certificate(name: &str) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_bundle_is_read_whatever_stands_around_its_certificates() {
        let (a, b) = (certificate("a"), certificate("b"));
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let cut = a.replace("-----END", "");
        let (begin, base64) = a.split_once("-----\n").unwrap();
        let (base64, end) = base64.split_once("\n-----").unwrap();
        let of_lines = |base64: &str| format!("{begin}-----\n{base64}\n-----{end}");
        let (one_line, ragged) = (base64.replace('\n', ""), base64.replace('A', "\nA"));
        for (text, expected) in [
            (format!("{a}{b}"), 2),
            (
                format!("# a comment\n{a}\nSubject: \u{e9}\n{key}{b}more"),
                2,
            ),
            (format!("{a}{b}").replace('\n', "\r\n"), 2),
            (a.trim_end().to_owned(), 1),
            (of_lines(base64), 1),
            (of_lines(&one_line), 1),
            (of_lines(&ragged), 1),
            (key, 0),
            (cut, 0),
            (String::new(), 0),
        ] {
            assert_eq!(ours(text.as_bytes()).len(), expected, "{text}");
            assert_eq!(ours(text.as_bytes()), by_rustls(text.as_bytes()));
        }
        // Comments may be in any encoding, and one certificate that is damaged takes no other along.
        let damaged = format!("{a}-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n{b}");
        let text = [b"# \xe9\n", damaged.as_bytes()].concat();
        assert_eq!(ours(&text), by_rustls(format!("{a}{b}").as_bytes()));
    }

    #[test]
    fn the_systems_certificates_are_those_that_rustls_reads() {
        // There may be none on this machine; those of the test above are.
        let file = openssl_probe::probe().cert_file;
        let text = file
            .and_then(|file| std::fs::read(file).ok())
            .unwrap_or_default();
        assert_eq!(ours(&text), by_rustls(&text));
    }

    /// How many certificates are trusted with these variables, or why none.
    fn count(variables: &[(&str, &OsStr)]) -> io::Result<usize> {
        let find = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        roots(|name| find(name).map(|(_, value)| value.into())).map(|trusted| trusted.len())
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let error = count(&[(variable, "/no/such/place".as_ref())]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            let said = error.to_string();
            assert!(said.contains("/no/such/place"), "{variable}: {said}");
        }
    }

    #[test]
    fn folders_are_looked_through_as_openssl_does() {
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let write = |folder: &TempDir, name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
        };
        let folders = env::join_paths([one.path(), other.path()]).unwrap();
        let both = [("SSL_CERT_DIR", &*folders)];
        // None of these is a name under which OpenSSL finds a certificate.
        for name in [
            "a.pem",
            "0123abcd",
            "0123abcd.r0",
            "0123abcd.",
            "0123abc.0",
            "0123abcg.0",
        ] {
            write(&one, name, &certificate("a"));
        }
        let error = count(&both).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let places = format!("{:?}", [one.path(), other.path()]);
        assert!(error.to_string().ends_with(&places), "{error}");
        write(&one, "0123abcd.0", &certificate("a"));
        write(&one, "0123abcd.1", &certificate("b"));
        write(&other, "fedcba98.10", &certificate("c"));
        write(&other, "fedcba98.0", "no certificate");
        assert_eq!(count(&both).unwrap(), 3);
        let missing = env::join_paths([Path::new("/no/such/place"), other.path()]).unwrap();
        assert_eq!(count(&[("SSL_CERT_DIR", &*missing)]).unwrap(), 1);
        // The folders come in addition to the file, and neither counts beside the bundle.
        let file = one.path().join("a.pem");
        let with_file = [both[0], ("SSL_CERT_FILE", file.as_os_str())];
        assert_eq!(count(&with_file).unwrap(), 4);
        let with_bundle = [both[0], ("AWS_CA_BUNDLE", file.as_os_str())];
        assert_eq!(count(&with_bundle).unwrap(), 1);
        // A variable that is set to nothing is not set.
        let empty = [both[0], ("AWS_CA_BUNDLE", OsStr::new(""))];
        assert_eq!(count(&empty).unwrap(), 3);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            ours(&text);
            let begin = b"-----BEGIN CERTIFICATE-----\n";
            ours(&[begin, &text[..], b"\n-----END CERTIFICATE-----"].concat());
        }
    }
}
