"""OAuth 2.0: the flows that bring a grant, and tokens from a grant. RFC 6749, 7523, 7636, 8252, 8628, 9207.

`browser`, `authorisation` (paste), `device` and `app_only` are the flows; `refresh` and `revoke` are for grants that
are there. All of them speak through `token_endpoint` and `http`; what loads requests-oauthlib is imported inside
functions. `refusals` makes errors of providers' refusals, in the words of `explanations`.
"""
