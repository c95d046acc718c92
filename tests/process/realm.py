# SPDX-License-Identifier: Apache-2.0
"""A Kerberos realm of its own on loopback: MIT's KDC with a data base below a folder."""
import os
import subprocess

import stage as st

REALM = "EXAMPLE.COM"


class Realm:
    def __init__(self, stage):
        self.stage, self.keytabs = stage, 0
        port = st.free_port()
        folder = stage.path("kdc")
        os.makedirs(folder)
        config = stage.write("krb5.conf", f"""[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
[realms]
{REALM} = {{
  kdc = 127.0.0.1:{port}
}}
""")
        profile = stage.write("kdc.conf", f"""[realms]
{REALM} = {{
  database_name = {folder}/principals
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
}}
""")
        self.env = {"KRB5_CONFIG": config, "KRB5_KDC_PROFILE": profile}
        self.tool("kdb5_util", "-r", REALM, "create", "-s", "-P", "of the data base")
        self.kdc = st.Process("kdc", ["/usr/sbin/krb5kdc", "-n", "-r", REALM, "-P", os.path.join(folder, "pid")], stage.folder,
                              env=self.env)

    def tool(self, name, *words):
        done = subprocess.run(["/usr/sbin/" + name, *words], env=st.environment(**self.env), capture_output=True, text=True,
                              timeout=st.DEADLINE, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise st.StageError(f"{name}: {done.stdout}{done.stderr}")

    def keytab(self, principal):
        """Of a new principal: the file's path."""
        self.keytabs += 1
        path = self.stage.path(f"{self.keytabs}.keytab")
        self.tool("kadmin.local", "-r", REALM, "addprinc", "-randkey", principal)
        self.tool("kadmin.local", "-r", REALM, "ktadd", "-k", path, principal)
        return path

    def close(self):
        self.kdc.end()
