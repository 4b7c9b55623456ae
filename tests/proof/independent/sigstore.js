// Has @sigstore/verify judge inclusion proofs: cases come as JSON on stdin, verdicts go as JSON to stdout.
const { createPublicKey } = require('node:crypto');
const { verifyTLogInclusion } = require('@sigstore/verify/dist/tlog');

const ED25519 = Buffer.from('302a300506032b6570032100', 'hex'); // SubjectPublicKeyInfo before the 32 bytes
const buffer = (text) => Buffer.from(text, 'base64');

function judged(test) {
  const entry = {
    canonicalizedBody: buffer(test.record),
    inclusionProof: {
      logIndex: test.index,
      hashes: test.hashes.map(buffer),
      checkpoint: { envelope: test.checkpoint },
    },
  };
  const publicKey = createPublicKey({
    key: Buffer.concat([ED25519, buffer(test.key.public)]), format: 'der', type: 'spki',
  });
  const log = { logID: Buffer.from(test.key.id, 'hex'), baseURL: test.key.name, publicKey };
  try {
    verifyTLogInclusion(entry, [log]);
    return 'accepted';
  } catch (error) {
    if (error.name !== 'VerificationError') throw error;
    return error.message;
  }
}

const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk));
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify(JSON.parse(Buffer.concat(chunks)).map(judged)));
});
