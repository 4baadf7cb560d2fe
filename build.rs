//! Compiles the contract: `proto/**.proto` to Rust with protox (no protoc to install), and the descriptor set with its
//! comments for reflection, authorization and documentation.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_build::Module;
use prost_types::{DescriptorProto, FileDescriptorProto};

fn main() -> Result<(), Box<dyn Error>> {
    // Folders of .proto files only: `proto` itself would also watch lib.rs, and nothing at all the whole package.
    println!("cargo::rerun-if-changed=proto/flagstone");
    println!("cargo::rerun-if-changed=proto/google");
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by its environment")]
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut files = Vec::new();
    collect(Path::new("proto"), &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // protox's own bytes: a prost_types::FileDescriptorSet would lose the method options, which are extensions.
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;

    let set = compiler.file_descriptor_set();
    fs::write(out.join("traits.rs"), traits(&set.file)?)?;

    let mut package_of = BTreeMap::<String, String>::new();
    let mut requests = Vec::new();
    for file in set.file {
        let module = file.name().trim_end_matches(".proto").replace('/', "-");
        package_of.insert(module.clone(), file.package().to_owned());
        requests.push((Module::from_parts([module]), file));
    }
    let mut config = prost_build::Config::new();
    // A HashMap encodes in no order; the hash of a request must be stable.
    config
        .btree_map(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .bytes([
            ".flagstone.v1.JobLogLine.data",
            ".flagstone.v1.PutJobArtifactRequest",
            ".flagstone.v1.GetJobArtifactResponse",
        ])
        .service_generator(tonic_prost_build::configure().service_generator());
    // One Rust file per .proto: a field added to one leaves the others as they were, and half of a rebuild is saved.
    // A file without a type of its own generates nothing and is left out here.
    let mut packages = BTreeMap::<String, String>::new();
    for (module, code) in config.generate(requests)? {
        let name = module.parts().collect::<Vec<_>>().join(".");
        fs::write(out.join(format!("{name}.rs")), code)?;
        let includes = packages.entry(package_of[&name].clone()).or_default();
        writeln!(includes, "include!(concat!(env!(\"OUT_DIR\"), \"/{name}.rs\"));")?;
    }
    for (package, includes) in packages {
        fs::write(out.join(format!("{package}.rs")), includes)?;
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// Implements `Mutation` for what carries a `request_id` and `Answer` for what carries `effects`, so that the server's
/// door for writes accepts nothing else.
fn traits(files: &[FileDescriptorProto]) -> Result<String, Box<dyn Error>> {
    let has = |message: &DescriptorProto, field: &str| message.field.iter().any(|f| f.name() == field);
    let mut code = String::new();
    for file in files.iter().filter(|file| file.package() == "flagstone.v1") {
        for message in &file.message_type {
            let name = message.name();
            if has(message, "request_id") {
                let validate_only = if has(message, "validate_only") { "self.validate_only" } else { "false" };
                writeln!(
                    code,
                    "impl Mutation for flagstone::v1::{name} {{
    fn request_id(&self) -> &str {{ &self.request_id }}
    fn validate_only(&self) -> bool {{ {validate_only} }}
}}"
                )?;
            }
            if has(message, "effects") && name != "AuditEvent" {
                writeln!(
                    code,
                    "impl Answer for flagstone::v1::{name} {{
    fn set_effects(&mut self, effects: flagstone::v1::Effects) {{ self.effects = Some(effects); }}
}}"
                )?;
            }
        }
    }
    Ok(code)
}
