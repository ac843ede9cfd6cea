//! What is where in the definitions.

use std::collections::BTreeMap;

use prost::{DecodeError, Message as _};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// The definitions of services and messages, by the names that one may ask for.
pub(super) struct Index {
    /// Encoded files, by their names.
    files: BTreeMap<String, Vec<u8>>,
    /// The file of each service, method, message and enum, by full names.
    symbols: BTreeMap<String, String>,
    services: Vec<String>,
}

impl Index {
    /// Reads encoded sets of files. A file that is in several of them counts once.
    ///
    /// # Errors
    /// One of them is none.
    pub(super) fn of(sets: &[&[u8]]) -> Result<Self, DecodeError> {
        let mut index = Self {
            files: BTreeMap::new(),
            symbols: BTreeMap::new(),
            services: Vec::new(),
        };
        for set in sets {
            for file in FileDescriptorSet::decode(*set)?.file {
                index.add(&file);
            }
        }
        index.services.sort();
        Ok(index)
    }

    /// The full names of all services, ascending.
    pub(super) fn services(&self) -> &[String] {
        &self.services
    }

    /// The file of this name.
    pub(super) fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// The file in which something of this full name is defined.
    pub(super) fn file_of(&self, symbol: &str) -> Option<&[u8]> {
        self.file(self.symbols.get(symbol)?)
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let encoded = file.encode_to_vec();
        if self.files.insert(file.name().to_owned(), encoded).is_some() {
            return;
        }
        let mut names = Vec::new();
        for message in &file.message_type {
            add_message(file.package(), message, &mut names);
        }
        add_enums(file.package(), &file.enum_type, &mut names);
        for service in &file.service {
            let name = within(file.package(), service.name());
            let methods = service.method.iter();
            names.extend(methods.map(|method| within(&name, method.name())));
            names.push(name.clone());
            self.services.push(name);
        }
        let in_file = names.into_iter().map(|name| (name, file.name().to_owned()));
        self.symbols.extend(in_file);
    }
}

fn add_message(parent: &str, message: &DescriptorProto, names: &mut Vec<String>) {
    let name = within(parent, message.name());
    for nested in &message.nested_type {
        add_message(&name, nested, names);
    }
    add_enums(&name, &message.enum_type, names);
    names.push(name);
}

fn add_enums(parent: &str, enums: &[EnumDescriptorProto], names: &mut Vec<String>) {
    names.extend(enums.iter().map(|it| within(parent, it.name())));
}

fn within(parent: &str, name: &str) -> String {
    format!("{parent}.{name}")
}
