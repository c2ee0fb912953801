-- SPDX-License-Identifier: MIT
-- The Debian package archive in four tables, for MariaDB.
CREATE TABLE sections (
    id INTEGER PRIMARY KEY,
    name VARCHAR(60) NOT NULL UNIQUE
) ENGINE=InnoDB;
CREATE TABLE maintainers (
    id INTEGER PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    email VARCHAR(200) NOT NULL,
    UNIQUE (name, email)
) ENGINE=InnoDB;
CREATE TABLE packages (
    id INTEGER PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    version VARCHAR(200) NOT NULL,
    architecture VARCHAR(40) NOT NULL,
    section_id INTEGER NOT NULL,
    maintainer_id INTEGER NOT NULL,
    priority VARCHAR(40),
    essential BOOLEAN NOT NULL,
    download_bytes BIGINT NOT NULL,
    installed_kib BIGINT,
    summary TEXT,
    homepage TEXT,
    FOREIGN KEY (section_id) REFERENCES sections (id),
    FOREIGN KEY (maintainer_id) REFERENCES maintainers (id)
) ENGINE=InnoDB;
CREATE INDEX packages_name ON packages (name);
-- InnoDB makes what indexes its foreign keys lack itself.
-- One row for each entry of Depends, Pre-Depends, Recommends and Suggests:
-- "a | b" is one row for a, with b in alternatives.
CREATE TABLE dependencies (
    id INTEGER PRIMARY KEY,
    package_id INTEGER NOT NULL,
    target_id INTEGER,
    target VARCHAR(200) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    version VARCHAR(200),
    alternatives TEXT,
    INDEX dependencies_package (package_id, target_id),
    FOREIGN KEY (package_id) REFERENCES packages (id),
    FOREIGN KEY (target_id) REFERENCES packages (id)
) ENGINE=InnoDB;
