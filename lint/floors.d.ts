/** The floor of each folder of `src`. */
export const floors: { readonly [folder: string]: number }

/** What Effect marks unstable, by the name that it is imported by. */
export const unstable: RegExp
