-- SPDX-License-Identifier: MIT
-- The Debian package archive in four tables, for SQLite.
CREATE TABLE sections (
    id INTEGER PRIMARY KEY,
    name VARCHAR(60) NOT NULL UNIQUE
);
CREATE TABLE maintainers (
    id INTEGER PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    email VARCHAR(200) NOT NULL,
    UNIQUE (name, email)
);
CREATE TABLE packages (
    id INTEGER PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    version VARCHAR(200) NOT NULL,
    architecture VARCHAR(40) NOT NULL,
    section_id INTEGER NOT NULL REFERENCES sections (id),
    maintainer_id INTEGER NOT NULL REFERENCES maintainers (id),
    priority VARCHAR(40),
    essential BOOLEAN NOT NULL,
    download_bytes BIGINT NOT NULL,
    installed_kib BIGINT,
    summary TEXT,
    homepage TEXT
);
CREATE INDEX packages_name ON packages (name);
-- One row for each entry of Depends, Pre-Depends, Recommends and Suggests:
-- "a | b" is one row for a, with b in alternatives.
CREATE TABLE dependencies (
    id INTEGER PRIMARY KEY,
    package_id INTEGER NOT NULL REFERENCES packages (id),
    target_id INTEGER REFERENCES packages (id),
    target VARCHAR(200) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    version VARCHAR(200),
    alternatives TEXT
);
CREATE INDEX dependencies_package ON dependencies (package_id, target_id);
CREATE INDEX dependencies_target ON dependencies (target_id);
