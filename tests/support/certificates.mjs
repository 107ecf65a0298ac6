// Certificates for a test, made by openssl in its folder: an authority, and what it signs.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function openssl(folder, ...args) {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Authority {
  constructor(folder) {
    this.folder = folder;
    openssl(folder, 'req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=chatd test authority');
  }

  get file() { return join(this.folder, 'ca.pem'); }
  get pem() { return readFileSync(this.file); }

  /** One that was good for a year long ago, signed by us: { certificate, key }. `openssl x509` cannot set a beginning. */
  expired(name) {
    openssl(this.folder, 'req', '-new', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    for (const [file, text] of [['index.txt', ''], ['serial', '01\n'], ['signing.conf', `[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt
serial = serial\nnew_certs_dir = .\ncertificate = ca.pem\nprivate_key = ca.key\npolicy = any\ndefault_md = sha256
x509_extensions = names\n[any]\ncommonName = supplied\n[names]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\n`]]) {
      writeFileSync(join(this.folder, file), text);
    }
    openssl(this.folder, 'ca', '-batch', '-notext', '-config', 'signing.conf', '-in', `${name}.csr`, '-out', `${name}.pem`,
      '-startdate', '20200101000000Z', '-enddate', '20210101000000Z');
    return { certificate: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
  }

  /** A certificate for localhost and 127.0.0.1 under that common name: { certificate, key }, both files. */
  issue(name) {
    openssl(this.folder, 'req', '-new', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(this.folder, `${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl(this.folder, 'x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
      '-extfile', `${name}.ext`, '-out', `${name}.pem`);
    return { certificate: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
  }
}
