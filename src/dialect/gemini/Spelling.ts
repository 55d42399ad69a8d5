/**
 * Fields of Gemini's JSON. Google reads each by two names, `inlineData` and `inline_data`: its SDKs write the first one, many
 * programs the second.
 */
import { isObject, type JsonObject } from "../Json.ts"

/** A field as it was written. */
export interface Spelled {
  /** By the name that stands there; the camel-case one where it is absent. */
  readonly name: string
  readonly value: unknown
}

const snakes = new Map<string, string>()

/** The other name of a field. */
export const snakeOf = (camel: string): string => {
  let snake = snakes.get(camel)
  if (snake === undefined) {
    snake = camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    snakes.set(camel, snake)
  }
  return snake
}

/** The name that Google's SDKs have for a field; its own where it is none. */
export const camelOf = (name: string): string =>
  name.replaceAll(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** A field by its camel-case name, however it is spelled. */
export const spelled = (object: JsonObject, camel: string): Spelled => {
  if (object[camel] !== undefined) return { name: camel, value: object[camel] }
  const snake = snakeOf(camel)
  return object[snake] === undefined ? { name: camel, value: undefined } : { name: snake, value: object[snake] }
}

/** The value of a field, however it is spelled. */
export const fieldOf = (object: JsonObject, camel: string): unknown => object[camel] ?? object[snakeOf(camel)]

/** The same, if it is an object. */
export const objectIn = (object: JsonObject, camel: string): JsonObject | undefined => {
  const value = fieldOf(object, camel)
  return isObject(value) ? value : undefined
}

/** The same, if it is a text; else none. */
export const textIn = (object: JsonObject, camel: string): string => {
  const value = fieldOf(object, camel)
  return typeof value === "string" ? value : ""
}

/** The same, if it is a list; else an empty one. */
export const listIn = (object: JsonObject, camel: string): ReadonlyArray<unknown> => {
  const value = fieldOf(object, camel)
  return Array.isArray(value) ? (value as ReadonlyArray<unknown>) : []
}

/** Whether a field was given: `null` is how many clients leave one out. */
export const isGiven = (value: unknown): boolean => value !== undefined && value !== null
