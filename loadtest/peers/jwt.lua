-- An RS256 check for nginx: Debian's Lua module, lua-cjson and libcrypto by LuaJIT's FFI.
-- Signature, algorithm, issuer, audience and expiry, as Tollgate's row checks them; returns the subject or nil.
-- The key and the digest context are made once and used again.
local ffi = require "ffi"
local cjson = require "cjson.safe"
local decode = require("ngx.base64").decode_base64url

ffi.cdef [[
void *BIO_new_mem_buf(const void *buf, int len);
void *PEM_read_bio_PUBKEY(void *bio, void **key, void *callback, void *user);
void *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(void *context);
const void *EVP_sha256(void);
int EVP_DigestVerifyInit(void *context, void **key_context, const void *digest, void *engine, void *key);
int EVP_DigestVerify(void *context, const char *signature, size_t signature_bytes, const char *text, size_t text_bytes);
]]
local crypto = ffi.load("libcrypto.so.3")

local function read_key(path)
  local file = assert(io.open(path))
  local pem = file:read("*a")
  file:close()
  local key = crypto.PEM_read_bio_PUBKEY(crypto.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
  assert(key ~= nil, "no public key in " .. path)
  return key
end

local function new(path, issuer, audience)
  local key, sha256, context = read_key(path), crypto.EVP_sha256(), crypto.EVP_MD_CTX_new()
  local find, sub, now = string.find, string.sub, ngx.time

  local function is_genuine(text, signature)
    crypto.EVP_MD_CTX_reset(context)
    return crypto.EVP_DigestVerifyInit(context, nil, sha256, nil, key) == 1
      and crypto.EVP_DigestVerify(context, signature, #signature, text, #text) == 1
  end

  return function(authorization)
    if not authorization or sub(authorization, 1, 7) ~= "Bearer " then return nil end
    local first = find(authorization, ".", 8, true)
    local second = first and find(authorization, ".", first + 1, true)
    if not second then return nil end
    local header = cjson.decode(decode(sub(authorization, 8, first - 1)) or "")
    if type(header) ~= "table" or header.alg ~= "RS256" then return nil end
    local signature = decode(sub(authorization, second + 1))
    if not signature or not is_genuine(sub(authorization, 8, second - 1), signature) then return nil end
    local claims = cjson.decode(decode(sub(authorization, first + 1, second - 1)) or "")
    if type(claims) ~= "table" or claims.iss ~= issuer or claims.aud ~= audience then return nil end
    if type(claims.exp) ~= "number" or claims.exp <= now() then return nil end
    return claims.sub
  end
end

return { new = new }
