"""A linking client on requests-oauthlib: prints an authorization URL, reads the callback from stdin, prints what it got.

Arguments: issuer, client id, client secret ("" for a public client), redirect URI, scope, "basic" or "body".
"""

import json
import os
import sys

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

from oauthlib.oauth2 import WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import OAuth2Error
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

issuer, client_id, client_secret, redirect_uri, scope, method = sys.argv[1:7]

metadata = OAuth2Session(client_id).request(
    "GET", issuer + "/.well-known/oauth-authorization-server", withhold_token=True
).json()

client = WebApplicationClient(client_id)
session = OAuth2Session(client=client, redirect_uri=redirect_uri, scope=scope.split(" "))
verifier = client.create_code_verifier(64)
challenge = client.create_code_challenge(verifier, "S256")
url, state = session.authorization_url(
    metadata["authorization_endpoint"], code_challenge=challenge, code_challenge_method="S256"
)
print(url, flush=True)
callback = sys.stdin.readline().strip()

if client_secret == "":
    credentials = {"include_client_id": True}
    again = {"client_id": client_id}
elif method == "body":
    credentials = {"include_client_id": True, "client_secret": client_secret}
    again = {"client_id": client_id, "client_secret": client_secret}
else:
    credentials = {"auth": HTTPBasicAuth(client_id, client_secret)}
    again = credentials

token = session.fetch_token(
    metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier, **credentials
)
refreshed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"], **again)
user = session.get(metadata["userinfo_endpoint"]).json()

revoke_url, headers, body = client.prepare_token_revocation_request(
    metadata["revocation_endpoint"], refreshed["refresh_token"], "refresh_token"
)
if "auth" in credentials:
    basic, extra = credentials["auth"], {}
else:
    basic, extra = None, again
fields = dict(pair.split("=", 1) for pair in body.split("&"))
revoked = session.post(revoke_url, data={**fields, **extra}, headers=headers, auth=basic, withhold_token=True)

try:
    session.refresh_token(metadata["token_endpoint"], refresh_token=refreshed["refresh_token"], **again)
    after_revocation = "refreshed"
except OAuth2Error as error:
    after_revocation = error.error

print(
    json.dumps(
        {
            "tokenType": token["token_type"],
            "expiresIn": token["expires_in"],
            "scope": token["scope"],
            "sameRefreshToken": refreshed["refresh_token"] == token["refresh_token"],
            "newAccessToken": refreshed["access_token"] != token["access_token"],
            "user": user,
            "revocationStatus": revoked.status_code,
            "afterRevocation": after_revocation,
        }
    ),
    flush=True,
)
