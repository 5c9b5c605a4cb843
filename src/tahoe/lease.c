#include "tahoe/lease.h"

#include "base/secret.h"

/* From the node's secret by way of the file's to the one at a server. */
static void lease_derive(const char *const tag[3],
			 const unsigned char node_secret[LEASE_SECRET_SIZE],
			 const unsigned char storage_index[LEASE_INDEX_SIZE],
			 const unsigned char server[LEASE_SERVER_SIZE],
			 unsigned char out[DIGEST_SIZE])
{
	const struct hash_part secret = { node_secret, LEASE_SECRET_SIZE };
	const struct hash_part index = { storage_index, LEASE_INDEX_SIZE };
	const struct hash_part name = { server, LEASE_SERVER_SIZE };
	const struct hash_part so_far = { out, DIGEST_SIZE };
	/* Here the secret stands where others have the tag. */
	hash_tagged_bytes(&secret, &(struct hash_part){ tag[0], strlen(tag[0]) }, out);
	hash_pair(tag[1], &so_far, &index, out);
	hash_pair(tag[2], &so_far, &name, out);
}

void lease_secrets_of(const unsigned char node_secret[LEASE_SECRET_SIZE],
		      const unsigned char storage_index[LEASE_INDEX_SIZE],
		      const unsigned char server[LEASE_SERVER_SIZE], struct lease_secrets *out)
{
	static const char *const renew[] = { TAG_CLIENT_RENEWAL, TAG_FILE_RENEWAL,
					     TAG_BUCKET_RENEWAL };
	static const char *const cancel[] = { TAG_CLIENT_CANCEL, TAG_FILE_CANCEL,
					      TAG_BUCKET_CANCEL };
	static const char *const upload[] = { "barge_client_upload_secret_v1",
					      "barge_file_upload_secret_v1",
					      "barge_bucket_upload_secret_v1" };
	lease_derive(renew, node_secret, storage_index, server, out->renew);
	lease_derive(cancel, node_secret, storage_index, server, out->cancel);
	lease_derive(upload, node_secret, storage_index, server, out->upload);
}
